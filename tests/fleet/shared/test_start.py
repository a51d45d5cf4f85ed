"""A box that has just started does not know the other boxes yet."""

from __future__ import annotations

import pytest

from tests.conftest import eventually
from tests.fleet.shared.running_boxes import Pair

pytestmark = pytest.mark.postgres


def test_a_box_refuses_no_message_for_lack_of_a_sim_before_it_knows_the_others(pair: Pair) -> None:
    pair.here.stop()
    answers: list[int] = []

    def accepted() -> bool:
        answers.append(pair.here.send(pair.key).status_code)
        return answers[-1] in (200, 202)

    with pair.boxes.fleet.connected() as db, db.transaction():
        # The look at the other boxes reads it, and neither a join nor an acceptance does.
        db.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        pair.here.start()
        fleet = pair.here.daemon.fleet
        assert fleet is not None
        eventually(fleet.seen)
        assert not accepted()
    eventually(accepted)
    assert set(answers[:-1]) == {503}
