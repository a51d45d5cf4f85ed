"""A fleet for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fleet.databases import Database
from tests.fleet.queue.boxes_of_a_fleet import Fleet, fleet_in


@pytest.fixture
def fleet(fleet_database: Database) -> Iterator[Fleet]:
    """Two boxes: `a` with the SIMs 1 and 2, `b` with the SIM 3."""
    with fleet_in(fleet_database) as made:
        made.begin()
        made.add_box("a", [1, 2])
        made.add_box("b", [3])
        yield made
