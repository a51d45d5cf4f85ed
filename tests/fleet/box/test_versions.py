"""A box whose program is newer or older than the tables of the fleet says so, and waits for a person."""

from __future__ import annotations

import pytest

from gatewayd.fleet.postgres.migrations import VERSION
from tests.conftest import eventually
from tests.fleet.box.members import Boxes, running

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (f"DELETE FROM gatewayd.schema_versions WHERE version >= {VERSION}", "run gatewayd fleet init"),
        (
            f"INSERT INTO gatewayd.schema_versions VALUES ({VERSION + 1}, 0, {VERSION + 1})",
            "install the version",
        ),
    ],
)
def test_a_box_does_not_join_tables_of_another_version(boxes: Boxes, change: str, told: str) -> None:
    box = boxes.add("one")
    boxes.fleet.database.psql(change)
    with running(box):
        eventually(lambda: told in box.fleet.status().agent.reason)
        assert boxes.queue.one("SELECT epoch FROM boxes") == 0
