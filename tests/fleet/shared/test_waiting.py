"""Waits that another box ends: by a notice, not by the next look, which comes after a minute here."""

from __future__ import annotations

from threading import Thread
from time import monotonic
from typing import Any

import pytest

from tests.conftest import eventually
from tests.fleet.databases import Database
from tests.fleet.shared.running_boxes import RECIPIENT, RunningBoxes

pytestmark = pytest.mark.postgres

_LOOK_S = 60.0


def test_a_result_of_another_box_ends_a_wait_by_a_notice(fleet_database: Database, tmp_path: Any) -> None:
    boxes = RunningBoxes(fleet_database, tmp_path / "fleet", lease_s=200.0, dead_after_s=300.0)
    try:
        here, there = boxes.add("here", ports=0), boxes.add("there")
        there.ready()
        _, key = boxes.company(here)
        here.knows(key, sims=1)
        with boxes.fleet.connected() as db:
            db.execute("UPDATE fleet SET look_s = ?", (_LOOK_S,))
        for number in range(3):  # the times of the first look may still be the old ones
            began = monotonic()
            answer = here.send(key, f"told {number}", wait_s=50)
            assert answer.json()["data"]["status"] in ("sent", "delivered")
        assert monotonic() - began < _LOOK_S / 2
    finally:
        boxes.close()


def test_an_event_of_another_box_ends_a_wait(boxes: RunningBoxes) -> None:
    here, there = boxes.add("here", ports=0), boxes.add("there")
    there.ready()
    _, key = boxes.company(here)
    here.knows(key, sims=1)
    there.knows(key)
    cursor = here.get("/events", key).json()["next_cursor"]
    found: list[Any] = []

    def wait() -> None:
        found.append(here.get("/events", key, after=cursor, wait=60).json())

    waiting = Thread(target=wait)
    waiting.start()
    began = monotonic()
    assert there.post("/sms/opt-outs", key, {"recipient": RECIPIENT}).status_code == 200
    waiting.join(60)
    assert monotonic() - began < 30
    assert [each["type"] for each in found[0]["data"]] == ["opt_out.changed"]


def test_local_results_end_a_wait_before_they_are_told(boxes: RunningBoxes) -> None:
    there = boxes.add("there")
    there.ready()
    _, key = boxes.company(there)
    there.knows(key, sims=1)
    answer = there.send(key, "here", wait_s=30)
    assert answer.json()["data"]["status"] in ("sent", "delivered")
    sms_id = answer.json()["data"]["sms_id"]
    eventually(lambda: boxes.one("SELECT status FROM messages WHERE sms_id = ?", sms_id) == "delivered")
