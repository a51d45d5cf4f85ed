"""A box with a free port accepts a message as started: it needs no claim. The next look comes after a minute here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fleet.databases import Database
from tests.fleet.shared.running_boxes import RunningBox, RunningBoxes

pytestmark = pytest.mark.postgres

_LOOK_S = 60.0

# The states in which messages enter the queue.
_WITNESS = """
    CREATE TABLE gatewayd.entered (number bigserial, state text);
    GRANT ALL ON gatewayd.entered, gatewayd.entered_number_seq TO PUBLIC;
    CREATE FUNCTION gatewayd.note_entry() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO gatewayd.entered (state) VALUES (NEW.state); RETURN NULL; END $$;
    CREATE TRIGGER entered AFTER INSERT ON gatewayd.queue FOR EACH ROW EXECUTE FUNCTION gatewayd.note_entry();
"""


@pytest.fixture
def slow_boxes(fleet_database: Database, tmp_path: Any) -> Iterator[RunningBoxes]:
    """Boxes that look into the queue only when they are told to."""
    found = RunningBoxes(
        fleet_database, tmp_path / "fleet", lease_s=200.0, dead_after_s=300.0, look_s=_LOOK_S
    )
    fleet_database.server.psql(_WITNESS, fleet_database.name)
    try:
        yield found
    finally:
        found.close()


def _entered(boxes: RunningBoxes) -> list[str]:
    with boxes.fleet.connected() as db:
        return [row[0] for row in db.execute("SELECT state FROM entered ORDER BY number")]


def _box(boxes: RunningBoxes) -> tuple[RunningBox, str]:
    box = boxes.add("here")
    box.ready()
    _, key = boxes.company(box)
    box.knows(key, sims=1)
    return box, key


def test_one_message_after_another_is_started_at_once(slow_boxes: RunningBoxes) -> None:
    box, key = _box(slow_boxes)
    for number in range(6):
        answer = box.send(key, f"number {number}", wait_s=50)
        assert answer.json()["data"]["status"] in ("sent", "delivered")
    assert _entered(slow_boxes) == ["started"] * 6


def test_a_port_is_free_again_once_what_waited_was_claimed(slow_boxes: RunningBoxes) -> None:
    box, key = _box(slow_boxes)
    for priority in ("bulk", "normal", "bulk", "normal"):
        answer = box.send(key, priority, wait_s=50, priority=priority)
        assert answer.json()["data"]["status"] in ("sent", "delivered")
    assert _entered(slow_boxes) == ["waiting", "started"] * 2


def test_messages_at_a_busy_port_wait_for_any_box(slow_boxes: RunningBoxes) -> None:
    box, key = _box(slow_boxes)
    answers = [box.accepted(key, f"number {number}")["sms_id"] for number in range(4)]
    assert len(set(answers)) == 4
    entered = _entered(slow_boxes)
    assert entered[0] == "started"
    assert "waiting" in entered
