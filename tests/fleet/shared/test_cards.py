"""Cards: each has one id in the fleet, wherever it is."""

from __future__ import annotations

import pytest

from gatewayd.store.tables import sims
from tests.conftest import eventually
from tests.fleet.shared.running_boxes import RunningBoxes

pytestmark = pytest.mark.postgres


def test_a_card_that_moved_keeps_its_id_and_limits_and_a_new_one_gets_an_id_of_its_own(
    boxes: RunningBoxes,
) -> None:
    one = boxes.add("one")
    one.ready()
    (before,) = eventually(lambda: one.run("sim.list"))
    one.run("sim.set", sim=before["id"], changes={"daily_limit": 7, "name": "moves"})
    _, key = boxes.company(one)
    assert one.send(key, "counted", wait_s=30).status_code == 200
    one.stop()
    two = boxes.add("two", first_card=1, ports=2)  # the same card, and another one
    two.ready()
    two.knows(key, sims=2)
    listed = {each["name"]: each for each in two.run("sim.list")}
    moved = listed.pop("moves")
    assert (moved["id"], moved["daily_limit"], moved["left"]["messages"]) == (before["id"], 7, 6)
    (fresh,) = listed.values()
    number = boxes.one("SELECT number FROM boxes WHERE name = 'two'")
    first = (number + 1) * sims.IDS_OF_A_BOX
    assert first <= fresh["id"] < first + sims.IDS_OF_A_BOX
    eventually(lambda: boxes.one("SELECT box FROM sims WHERE id = ?", before["id"]) == "two")
    places = {
        each["id"]: each["box"]
        for each in two.get("/sms/sims/available", key).json()["data"]["available_sims"]
    }
    assert places == {before["id"]: "two", fresh["id"]: "two"}
    assert two.send(key, "from the card", wait_s=30, sim_number_id=before["id"]).status_code == 200
    one.start()  # its card is not there any more
    assert boxes.one("SELECT box FROM sims WHERE id = ?", before["id"]) == "two"
