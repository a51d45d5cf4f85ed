"""After an outage old messages are sent slowly, the newest codes first, and do not delay new messages."""

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
from gatewayd.store.tables import queue_counts, queue_metrics, send_queue
from gatewayd.store.tables.queue_counts import Lane
from gatewayd.timekeeping.clock import SECOND, Calendar
from modem.parts import Submission, Submitted
from modem.port.interface import Rest
from tests.gatewayd.played_ports import A, B, PlayedGateway
from tests.sqlite import sqlite

GUARD_S = 3600


def open_gateway(path: Path, **dispatch: Any) -> PlayedGateway:
    return PlayedGateway(path, backlog_guard_s=GUARD_S, backlog_rate=6, default_expiry_s=0, **dispatch)


def time_passes(played: PlayedGateway, seconds: float) -> None:
    played.clock.at += int(seconds * SECOND)
    played.clock.passed += seconds


def sent_texts(played: PlayedGateway, port: int, limit: int = 100) -> list[str]:
    """The texts that a port sends before it must rest, at one moment."""
    texts: list[str] = []
    step = played.next(port)
    while isinstance(step, Submission) and len(texts) < limit:
        texts.append(step.segment.text)
        step = played.settle(port, step, Submitted(len(texts)))
    return texts


def outage(played: PlayedGateway, seconds: float = GUARD_S + 60) -> None:
    """All ports are lost, and return with the same SIMs."""
    before = dict(played.statuses)
    for port in before:
        played.down(port)
    time_passes(played, seconds)
    for port_status in before.values():
        played.set_status(port_status)


def test_old_messages_are_sent_slowly_after_an_outage(tmp_path: Path) -> None:
    played = open_gateway(tmp_path)
    played.up(1, A)
    for number in range(4):
        played.send(f"old {number}")
    outage(played)
    assert sent_texts(played, 1) == ["old 0"]
    step = played.next(1)
    assert step == Rest(10)
    time_passes(played, 9)
    assert sent_texts(played, 1) == []
    time_passes(played, 1)
    assert sent_texts(played, 1) == ["old 1"]
    played.close()


def test_new_messages_are_not_delayed(tmp_path: Path) -> None:
    played = open_gateway(tmp_path)
    played.up(1, A)
    for number in range(4):
        played.send(f"old {number}", priority=Priority.OTP)
    outage(played)
    for text in ("new 1", "new 2"):
        played.send(text)
    played.send("new bulk", priority=Priority.BULK)
    played.send("new code", priority=Priority.OTP)
    assert sent_texts(played, 1) == ["new code", "new 1", "new 2", "old 3", "new bulk"]
    played.close()


def test_the_newest_code_of_the_backlog_is_sent_first_and_other_messages_oldest_first(tmp_path: Path) -> None:
    played = open_gateway(tmp_path)
    played.up(1, A)
    played.send("notice 1")
    played.send("code 1", priority=Priority.OTP)
    played.send("bulk", priority=Priority.BULK)
    played.send("code 2", priority=Priority.OTP)
    played.send("notice 2")
    outage(played)
    order = []
    for _ in range(6):
        order += sent_texts(played, 1)
        time_passes(played, 10)
    assert order == ["code 2", "code 1", "notice 1", "notice 2", "bulk"]
    played.close()


def test_a_code_of_many_parts_is_sent_from_its_first(tmp_path: Path) -> None:
    played = open_gateway(tmp_path)
    played.up(1, A)
    played.send("é" * 400, priority=Priority.OTP)
    outage(played)
    order = []
    for _ in range(3):
        part = played.claim(1)
        order.append(part.seq)
        played.settle(1, part, Submitted(part.seq))
        time_passes(played, 10)
    assert order == [1, 2, 3]
    played.close()


@pytest.mark.parametrize("lost_s", [60, GUARD_S / 2])
def test_a_short_outage_and_a_long_queue_are_no_backlog(tmp_path: Path, lost_s: float) -> None:
    played = open_gateway(tmp_path)
    played.up(1, A)
    for number in range(3):
        played.send(f"{number}")
    time_passes(played, 2 * GUARD_S)  # the port was up all the time, but slow
    outage(played, lost_s)
    assert sent_texts(played, 1) == ["0", "1", "2"]
    played.close()


def test_a_start_with_old_messages_is_an_outage_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    played = open_gateway(tmp_path)
    played.up(1, A)
    for number in range(3):
        played.send(f"old {number}")
    played.close()
    time_passes(played, 5 * GUARD_S)
    with caplog.at_level(logging.WARNING):
        played.open()
    assert "3 messages wait, the oldest for 5 h" in caplog.text
    played.up(1, A)
    played.send("new")
    document = status.status(
        Context(
            played.store,
            played.clock,
            Calendar(played.settings.numbers.zone),
            Numbering(played.settings.numbers),
            played.gateway,
        )
    )
    assert document["messages"] == {
        "pending": 4,
        "oldest_pending_at": "2027-01-15T08:00:00.000000Z",
        "oldest_pending_s": 5 * GUARD_S,
        "oldest_pending": "5 h",
        "sent": 0,
    }
    assert document["backlog_sims"] == [played.sim(A)]
    assert sent_texts(played, 1) == ["new", "old 0"]
    assert played.store.write(queue_counts.pending) == 2
    played.close()


def test_young_messages_are_no_backlog_after_any_outage(tmp_path: Path) -> None:
    played = open_gateway(tmp_path, grace_s=10 * GUARD_S)
    played.up(1, A)
    played.down(1)
    time_passes(played, GUARD_S)
    for number in range(3):
        played.send(f"{number}")
    time_passes(played, 60)
    played.up(1, A)
    assert sent_texts(played, 1) == ["0", "1", "2"]
    played.close()


def test_the_first_sim_that_returns_sends_the_backlog_of_the_others_at_its_own_rate(tmp_path: Path) -> None:
    played = open_gateway(tmp_path)
    played.up(1, A)
    played.up(2, B)
    for number in range(4):
        played.send(f"old {number}", sim=played.sim(A))
    played.store.write(lambda db: db.execute("UPDATE parts SET pinned = 0"))
    played.store.write(lambda db: db.execute("UPDATE messages SET pinned = 0"))
    for port in (1, 2):
        played.down(port)
    time_passes(played, GUARD_S + 60)
    played.up(2, B)
    assert sent_texts(played, 2) == ["old 0"]
    played.up(1, A)
    assert sent_texts(played, 1) == ["old 1"]
    time_passes(played, 10)
    assert (sent_texts(played, 2), sent_texts(played, 1)) == (["old 2"], ["old 3"])
    played.close()


def test_of_two_queues_the_newest_code_goes_first_too(tmp_path: Path) -> None:
    played = open_gateway(tmp_path)
    played.up(1, A)
    played.send("A's code", priority=Priority.OTP)
    played.down(1)
    played.up(2, B)
    played.send("B's code", sim=played.sim(B), priority=Priority.OTP)
    played.down(2)
    time_passes(played, GUARD_S + 60)
    played.up(2, B)
    assert sent_texts(played, 2) == ["B's code"]
    time_passes(played, 10)
    assert sent_texts(played, 2) == ["A's code"]
    played.close()


def test_sending_is_normal_once_the_backlog_is_sent(tmp_path: Path) -> None:
    played = open_gateway(tmp_path)
    played.up(1, A)
    played.send("old")
    outage(played)
    assert sent_texts(played, 1) == ["old"]
    for number in range(3):
        played.send(f"{number}")
    assert sent_texts(played, 1) == ["0", "1", "2"]
    assert played.gateway.dispatcher.outage_backlog.queues() == []
    played.close()


def test_the_head_of_a_queue_is_found_by_its_index(tmp_path: Path) -> None:
    store = Store(tmp_path / "gatewayd.db")
    store.open()

    def look(db: Connection) -> None:
        seen: list[str] = []
        sqlite(db).set_trace_callback(seen.append)
        for priority in Priority:
            for look in (send_queue.head, send_queue.old_head):
                for movable in (False, True):
                    look(db, Lane(1, 0, priority, 2, 0), 5, movable=movable)
        heads = len(seen)
        queue_metrics.oldest_at(db, [1])
        sqlite(db).set_trace_callback(None)
        assert heads == 12
        for statement in seen[:heads]:
            plan = [row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}")]
            assert not [step for step in plan if step.startswith("SCAN parts")]
            lanes = [step for step in plan if "SEARCH parts" in step]
            assert lanes
            for step in lanes:
                assert (
                    "parts_queue (sim_id=? AND pinned=? AND priority=? AND company_id=? AND transactional=? AND place"
                    in step
                )

        for statement in seen[heads:]:
            (step,) = (row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}"))
            assert "INDEX parts_" in step

    store.write(look)
    store.close()
