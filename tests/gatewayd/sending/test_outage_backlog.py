"""After an outage: the old goes slowly, the newest codes first, and holds up nothing new."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from gatewayd.admin import status
from gatewayd.admin.context import Context
from gatewayd.records import Priority
from gatewayd.sims.numbering import Numbering
from gatewayd.store.engine.connection import Connection
from gatewayd.store.store import Store
from gatewayd.store.tables import parts, queue_counts, send_queue
from gatewayd.timekeeping.clock import SECOND, Calendar
from modem.parts import Submission, Submitted
from modem.port.interface import Rest
from tests.gatewayd.played_ports import House

A, B = "8922301000000000001", "8922301000000000002"
GUARD_S = 3600


def open_house(path: Path, **dispatch: Any) -> House:
    return House(path, backlog_guard_s=GUARD_S, backlog_rate=6, default_expiry_s=0, **dispatch)


def time_passes(house: House, seconds: float) -> None:
    house.clock.at += int(seconds * SECOND)
    house.clock.passed += seconds


def sent(house: House, port: int, most: int = 100) -> list[str]:
    """What a port sends one after another until it is told to rest; without time passing."""
    texts: list[str] = []
    step = house.next(port)
    while isinstance(step, Submission) and len(texts) < most:
        texts.append(step.segment.text)
        step = house.settle(port, step, Submitted(len(texts)))
    return texts


def outage(house: House, seconds: float = GUARD_S + 60) -> None:
    """All ports are lost, and come back as they were."""
    before = dict(house.statuses)
    for port in before:
        house.down(port)
    time_passes(house, seconds)
    for told in before.values():
        house.say(told)


def test_after_an_outage_the_old_is_sent_slowly(tmp_path: Path) -> None:
    house = open_house(tmp_path)
    house.up(1, A)
    for number in range(4):
        house.send(f"old {number}")
    outage(house)
    assert sent(house, 1) == ["old 0"]
    step = house.next(1)
    assert step == Rest(10)
    time_passes(house, 9)
    assert sent(house, 1) == []
    time_passes(house, 1)
    assert sent(house, 1) == ["old 1"]
    house.close()


def test_new_messages_are_not_held_up(tmp_path: Path) -> None:
    house = open_house(tmp_path)
    house.up(1, A)
    for number in range(4):
        house.send(f"old {number}", priority=Priority.OTP)
    outage(house)
    for text in ("new 1", "new 2"):
        house.send(text)
    house.send("new bulk", priority=Priority.BULK)
    house.send("new code", priority=Priority.OTP)
    assert sent(house, 1) == ["new code", "new 1", "new 2", "old 3", "new bulk"]
    house.close()


def test_of_the_old_the_newest_code_goes_first_and_the_others_oldest_first(tmp_path: Path) -> None:
    house = open_house(tmp_path)
    house.up(1, A)
    house.send("notice 1")
    house.send("code 1", priority=Priority.OTP)
    house.send("bulk", priority=Priority.BULK)
    house.send("code 2", priority=Priority.OTP)
    house.send("notice 2")
    outage(house)
    order = []
    for _ in range(6):
        order += sent(house, 1)
        time_passes(house, 10)
    assert order == ["code 2", "code 1", "notice 1", "notice 2", "bulk"]
    house.close()


def test_a_code_of_many_parts_is_sent_from_its_first(tmp_path: Path) -> None:
    house = open_house(tmp_path)
    house.up(1, A)
    house.send("é" * 400, priority=Priority.OTP)
    outage(house)
    order = []
    for _ in range(3):
        part = house.claim(1)
        order.append(part.seq)
        house.settle(1, part, Submitted(part.seq))
        time_passes(house, 10)
    assert order == [1, 2, 3]
    house.close()


@pytest.mark.parametrize("lost_s", [60, GUARD_S / 2])
def test_a_short_outage_and_a_long_queue_are_no_backlog(tmp_path: Path, lost_s: float) -> None:
    house = open_house(tmp_path)
    house.up(1, A)
    for number in range(3):
        house.send(f"{number}")
    time_passes(house, 2 * GUARD_S)  # it was up all the time, and slow
    outage(house, lost_s)
    assert sent(house, 1) == ["0", "1", "2"]
    house.close()


def test_a_start_with_old_messages_is_an_outage_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    house = open_house(tmp_path)
    house.up(1, A)
    for number in range(3):
        house.send(f"old {number}")
    house.close()
    time_passes(house, 5 * GUARD_S)
    with caplog.at_level(logging.WARNING):
        house.open()
    assert "3 messages wait, the oldest for 5 h" in caplog.text
    house.up(1, A)
    house.send("new")
    told = status.status(
        Context(
            house.store,
            house.clock,
            Calendar(house.settings.numbers.zone),
            Numbering(house.settings.numbers),
            house.gateway,
        )
    )
    assert told["messages"] == {
        "pending": 4,
        "oldest_pending_at": "2027-01-15T08:00:00.000000Z",
        "oldest_pending_s": 5 * GUARD_S,
        "oldest_pending": "5 h",
        "sent": 0,
    }
    assert told["backlog_sims"] == [house.sim(A)]
    assert sent(house, 1) == ["new", "old 0"]
    assert house.store.write(queue_counts.pending) == 2
    house.close()


def test_young_messages_are_no_backlog_whatever_the_outage(tmp_path: Path) -> None:
    house = open_house(tmp_path, grace_s=10 * GUARD_S)
    house.up(1, A)
    house.down(1)
    time_passes(house, GUARD_S)
    for number in range(3):
        house.send(f"{number}")
    time_passes(house, 60)
    house.up(1, A)
    assert sent(house, 1) == ["0", "1", "2"]
    house.close()


def test_the_sim_that_comes_back_first_carries_the_others_backlog_at_its_own_rate(tmp_path: Path) -> None:
    house = open_house(tmp_path)
    house.up(1, A)
    house.up(2, B)
    for number in range(4):
        house.send(f"old {number}", sim=house.sim(A))
    house.store.write(lambda db: db.execute("UPDATE parts SET pinned = 0"))
    house.store.write(lambda db: db.execute("UPDATE messages SET pinned = 0"))
    for port in (1, 2):
        house.down(port)
    time_passes(house, GUARD_S + 60)
    house.up(2, B)
    assert sent(house, 2) == ["old 0"]
    house.up(1, A)
    assert sent(house, 1) == ["old 1"]
    time_passes(house, 10)
    assert (sent(house, 2), sent(house, 1)) == (["old 2"], ["old 3"])
    house.close()


def test_of_two_queues_the_newest_code_goes_first_too(tmp_path: Path) -> None:
    house = open_house(tmp_path)
    house.up(1, A)
    house.send("A's code", priority=Priority.OTP)
    house.down(1)
    house.up(2, B)
    house.send("B's code", sim=house.sim(B), priority=Priority.OTP)
    house.down(2)
    time_passes(house, GUARD_S + 60)
    house.up(2, B)
    assert sent(house, 2) == ["B's code"]
    time_passes(house, 10)
    assert sent(house, 2) == ["A's code"]
    house.close()


def test_once_the_backlog_is_sent_everything_is_as_before(tmp_path: Path) -> None:
    house = open_house(tmp_path)
    house.up(1, A)
    house.send("old")
    outage(house)
    assert sent(house, 1) == ["old"]
    for number in range(3):
        house.send(f"{number}")
    assert sent(house, 1) == ["0", "1", "2"]
    assert house.gateway.dispatcher.backlog.queues() == []
    house.close()


def test_the_head_of_a_queue_is_found_by_its_index(tmp_path: Path) -> None:
    store = Store(tmp_path / "gatewayd.db")
    store.open()

    def look(db: Connection) -> None:
        seen: list[str] = []
        db.set_trace_callback(seen.append)
        send_queue.head(db, 1, 5)
        send_queue.old_head(db, 1, 5)
        send_queue.movable_head(db, 1, None, 5)
        send_queue.old_movable_head(db, 1, None, 5)
        heads = len(seen)
        parts.oldest_waiting(db, [1])
        db.set_trace_callback(None)
        assert heads == 6
        for statement in seen[:heads]:
            plan = [row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}")]
            assert not [step for step in plan if step.startswith("SCAN parts")]
            lanes = [step for step in plan if "SEARCH parts" in step]
            assert lanes
            for step in lanes:
                assert "parts_queue (sim_id=? AND pinned=? AND priority=?" in step

        for statement in seen[heads:]:
            (step,) = (row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}"))
            assert "INDEX parts_" in step

    store.write(look)
    store.close()
