"""Transactions stay small, however many messages expire; and the limits of the queue hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from gatewayd.errors import QueueFullError
from gatewayd.records import Priority, Status
from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables import inbound, parts
from gatewayd.timekeeping.clock import SECOND
from modem.parts import Submission, Submitted
from modem.port.interface import Rest
from tests.conftest import WAIT_S, eventually
from tests.gatewayd.played_ports import A, B, PlayedGateway, send_many


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path, default_expiry_s=3600)
    played.up(1, A)
    yield played
    played.close()


def failed(played: PlayedGateway) -> int:
    count: int = played.row("SELECT count(*) FROM messages WHERE status = 'failed'")[0]
    return count


@contextmanager
def timers_held(played: PlayedGateway) -> Iterator[None]:
    """No timer of the gateway runs during the block."""
    held, released = Event(), Event()

    def hold() -> None:
        held.set()
        assert released.wait(WAIT_S)

    played.gateway.timers.after(0.0, hold)
    assert held.wait(WAIT_S)
    try:
        yield
    finally:
        released.set()


def test_a_claim_ends_few_expired_messages_and_continues_at_once(played: PlayedGateway) -> None:
    send_many(played, 200)
    with timers_held(played):  # the timer of the expiry would end messages beside the claims
        played.clock.at += 3601 * SECOND
        unexpired = played.send("fresh", priority=Priority.BULK)
        failed_before = 0
        for _ in range(100):
            step = played.next(1)
            assert failed(played) - failed_before <= 20
            failed_before = failed(played)
            if isinstance(step, Submission):
                break
            assert step == Rest(0.0)
    assert isinstance(step, Submission)
    assert step.segment.text == "fresh"
    assert failed_before == 200
    assert played.view(unexpired).status is Status.PENDING


def test_messages_that_expire_together_end_in_many_transactions(played: PlayedGateway) -> None:
    played.down(1)
    send_many(played, 1000)
    played.clock.at += 3601 * SECOND
    commits = played.store.commits
    played.gateway.clock_trusted()
    eventually(lambda: failed(played) == 1000)
    assert played.store.commits - commits >= 1000 // 100


def test_messages_that_cannot_end_yet_do_not_hide_others(played: PlayedGateway) -> None:
    send_many(played, 250)
    played.store.write(lambda db: db.execute("UPDATE parts SET state = 'in_doubt', held = 1"))
    last = played.send("the last to expire")
    played.down(1)
    played.clock.at += 3601 * SECOND
    played.gateway.clock_trusted()
    eventually(lambda: played.view(last).status is Status.FAILED)
    assert failed(played) == 1


def test_old_parts_of_texts_are_deleted_in_small_transactions(played: PlayedGateway) -> None:
    def fill(db: Connection) -> None:
        for n in range(450):
            assembly = inbound.begin_assembly(db, (1, "x", 8, n % 256, 2), inbound.Nature(), 0, 5)
            inbound.keep_part(db, assembly.id, 1, b"", None, 5)
            inbound.assembled(db, assembly.id, n)

    played.store.write(fill)
    more = [played.store.write(lambda db: inbound.drop_assembled_but(db, (10, 20))) for _ in range(3)]
    assert more == [True, True, False]
    assert played.row("SELECT count(*) FROM assembly_parts")[0] == 0


def test_at_the_start_back_offs_end_in_small_transactions(played: PlayedGateway) -> None:
    send_many(played, 1200)
    played.store.write(lambda db: db.execute("UPDATE parts SET deferred = 1"))
    assert played.store.write(parts.release_deferred)
    played.restart()
    assert played.row("SELECT count(*) FROM parts WHERE deferred = 1")[0] == 0


@pytest.mark.parametrize("long", ["x" * 160, "é€" * 400])
def test_the_limit_of_the_queue_counts_messages_of_any_length(tmp_path: Path, long: str) -> None:
    played = PlayedGateway(tmp_path, max_pending=3)
    played.up(1, A)
    for _ in range(3):
        played.send(long)
    with pytest.raises(QueueFullError):
        played.send("x")
    part = played.claim(1)  # a part that is being submitted is still pending
    with pytest.raises(QueueFullError):
        played.send("x")
    step = played.settle(1, part, Submitted(1))
    while isinstance(step, Submission):
        step = played.settle(1, step, Submitted(1))
    played.send("x")
    played.close()


def test_a_gateway_without_a_sim_with_room_is_not_ready(played: PlayedGateway) -> None:
    assert played.gateway.ready()
    played.set_sim(A, enabled=0)
    assert not played.gateway.ready()
    played.up(2, B)
    assert played.gateway.ready()
    played.set_sim(B, daily_limit=0)
    assert not played.gateway.ready()
    played.set_sim(A, enabled=1)
    assert played.gateway.ready()


def test_a_sim_counts_as_returned_once_that_is_durable(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path, backlog_guard_s=3600)
    played.up(1, A)
    played.down(1)
    for number in range(3):
        played.send(f"old {number}")
    played.clock.passed += 3700
    played.clock.at += 3700 * SECOND
    played.store.close()
    with pytest.raises(Exception, match="not open"):
        played.up(1, A)
    played.store.open()
    played.up(1, A)  # the port reports a status again that could not be stored
    assert played.gateway.dispatcher.outage_backlog.queues() == [played.sim(A)]
    played.close()
