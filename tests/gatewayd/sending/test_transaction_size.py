"""Transactions stay small, however many messages expire; and the limits of the queue hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayd.errors import QueueFullError
from gatewayd.records import Priority, Status
from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables import inbound, parts
from gatewayd.timekeeping.clock import SECOND
from modem.parts import Submission, Submitted
from modem.port.interface import Rest
from tests.conftest import eventually
from tests.gatewayd.played_ports import (
    House,
    send_many,
)

A, B = "8922300000000000001", "8922300000000000002"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, default_expiry_s=3600)
    house.up(1, A)
    yield house
    house.close()


def failed(house: House) -> int:
    count: int = house.row("SELECT count(*) FROM messages WHERE status = 'failed'")[0]
    return count


def test_a_claim_ends_few_expired_messages_and_continues_at_once(house: House) -> None:
    send_many(house, 200)
    house.clock.at += 3601 * SECOND
    fresh = house.send("fresh", priority=Priority.BULK)
    ended = 0
    for _ in range(100):
        step = house.next(1)
        assert failed(house) - ended <= 20
        ended = failed(house)
        if isinstance(step, Submission):
            break
        assert step == Rest(0.0)
    assert isinstance(step, Submission)
    assert step.segment.text == "fresh"
    assert ended == 200
    assert house.view(fresh).status is Status.PENDING


def test_messages_that_expire_together_end_in_many_transactions(house: House) -> None:
    house.down(1)
    send_many(house, 1000)
    house.clock.at += 3601 * SECOND
    commits = house.store.commits
    house.gateway.clock_trusted()
    eventually(lambda: failed(house) == 1000, 60)
    assert house.store.commits - commits >= 1000 // 100


def test_messages_that_cannot_end_yet_do_not_hide_others(house: House) -> None:
    send_many(house, 250)
    house.store.write(lambda db: db.execute("UPDATE parts SET state = 'in_doubt', held = 1"))
    last = house.send("the last to expire")
    house.down(1)
    house.clock.at += 3601 * SECOND
    house.gateway.clock_trusted()
    eventually(lambda: house.view(last).status is Status.FAILED)
    assert failed(house) == 1


def test_parts_of_texts_are_forgotten_some_at_a_time(house: House) -> None:
    def fill(db: Connection) -> None:
        for n in range(450):
            assembly = inbound.begin_assembly(db, (1, "x", 8, n % 256, 2), inbound.Nature(), 0, 5)
            inbound.keep_part(db, assembly["id"], 1, b"", None, 5)
            inbound.assembled(db, assembly["id"], n)

    house.store.write(fill)
    more = [house.store.write(lambda db: inbound.drop_assembled_but(db, (10, 20))) for _ in range(3)]
    assert more == [True, True, False]
    assert house.row("SELECT count(*) FROM assembly_parts")[0] == 0


def test_at_the_start_back_offs_end_some_at_a_time(house: House) -> None:
    send_many(house, 1200)
    house.store.write(lambda db: db.execute("UPDATE parts SET deferred = 1"))
    assert house.store.write(parts.release_deferred)
    house.restart()
    assert house.row("SELECT count(*) FROM parts WHERE deferred = 1")[0] == 0


@pytest.mark.parametrize("long", ["x" * 160, "é€" * 400])
def test_the_limit_of_the_queue_counts_messages_of_any_length(tmp_path: Path, long: str) -> None:
    house = House(tmp_path, max_pending=3)
    house.up(1, A)
    for _ in range(3):
        house.send(long)
    with pytest.raises(QueueFullError):
        house.send("x")
    part = house.claim(1)  # a part in the air is still pending
    with pytest.raises(QueueFullError):
        house.send("x")
    step = house.settle(1, part, Submitted(1))
    while isinstance(step, Submission):
        step = house.settle(1, step, Submitted(1))
    house.send("x")
    house.close()


def test_a_gateway_without_a_sim_with_room_is_not_ready(house: House) -> None:
    assert house.gateway.ready()
    house.set_sim(A, enabled=0)
    assert not house.gateway.ready()
    house.up(2, B)
    assert house.gateway.ready()
    house.set_sim(B, daily_limit=0)
    assert not house.gateway.ready()
    house.set_sim(A, enabled=1)
    assert house.gateway.ready()


def test_a_sim_counts_as_returned_once_that_is_durable(tmp_path: Path) -> None:
    house = House(tmp_path, backlog_guard_s=3600)
    house.up(1, A)
    house.down(1)
    for number in range(3):
        house.send(f"old {number}")
    house.clock.passed += 3700
    house.clock.at += 3700 * SECOND
    house.store.close()
    with pytest.raises(Exception, match="not open"):
        house.up(1, A)
    house.store.open()
    house.up(1, A)  # the port reports again a status that could not be kept
    assert house.gateway.dispatcher.outage_backlog.queues() == [house.sim(A)]
    house.close()
