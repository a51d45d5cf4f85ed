"""What one transaction does at most: however much has expired, and whatever the index of the queue says."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gatewayd.errors import QueueFullError
from gatewayd.records import Draft, Options, Priority, Status
from gatewayd.sending.circuit_breaker import CircuitBreaker
from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables import inbound, parts, queue_counts
from gatewayd.timekeeping.clock import DAY, SECOND
from modem.errors import Kind
from modem.parts import Refused, Submission, Submitted
from modem.port.interface import Outcome, Rest
from tests.conftest import eventually
from tests.gatewayd.played_ports import House, refused

A, B = "8922300000000000001", "8922300000000000002"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, default_expiry_s=3600)
    house.up(1, A)
    yield house
    house.close()


def send_many(house: House, count: int) -> None:
    drafts = [Draft("+22370123456", f"{n}") for n in range(count)]
    house.gateway.submit_bulk(house.caller, drafts, Options(), None)


def failed(house: House) -> int:
    count: int = house.row("SELECT count(*) FROM messages WHERE status = 'failed'")[0]
    return count


def test_a_claim_ends_few_expired_messages_and_comes_again_at_once(house: House) -> None:
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


def test_what_expires_together_ends_in_many_transactions(house: House) -> None:
    house.down(1)
    send_many(house, 1000)
    house.clock.at += 3601 * SECOND
    commits = house.store.commits
    house.gateway.clock_trusted()
    eventually(lambda: failed(house) == 1000, 60)
    assert house.store.commits - commits >= 1000 // 100


def test_what_cannot_end_yet_does_not_hide_what_can(house: House) -> None:
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
            inbound.keep_part(db, assembly.id, 1, b"", None, 5)
            inbound.assembled(db, assembly.id, n)

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


# A damaged index.


def without_index(path: Path, change: str) -> None:
    """Change the table of the parts while its index of the queue knows nothing of it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA writable_schema = ON")
        index = db.execute("SELECT * FROM sqlite_schema WHERE name = 'parts_queue'").fetchone()
        db.execute("DELETE FROM sqlite_schema WHERE name = 'parts_queue'")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(change)
        db.execute("PRAGMA writable_schema = ON")
        db.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", index)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE parts SET state = 'delivered' WHERE message_id <= 2",
        "UPDATE parts SET state = 'failed' WHERE message_id = 1",
    ],
)
@pytest.mark.parametrize("expired", [False, True])
def test_an_index_that_names_what_does_not_wait_is_built_anew(
    house: House, change: str, caplog: pytest.LogCaptureFixture, *, expired: bool
) -> None:
    send_many(house, 3)
    house.close()
    without_index(house.settings.store.path, change)
    house.open()
    if expired:
        house.clock.at += 3601 * SECOND
    house.up(1, A)
    good = house.send("good")
    seen = []
    for _ in range(10):
        step = house.next(1)
        while isinstance(step, Submission):
            seen.append(step.segment.text)
            step = house.settle(1, step, Submitted(1))
    assert seen[-1] == "good"
    assert house.view(good).status is Status.SENT
    assert "damaged" in caplog.text
    check = house.store.write(lambda db: db.execute("PRAGMA integrity_check").fetchall())
    assert [row[0] for row in check] == ["ok"]
    assert sum(house.store.write(queue_counts.waiting).values()) == 0


def test_a_part_whose_message_is_missing_holds_nothing_up(house: House) -> None:
    house.send("lost")
    good = house.send("good")
    house.store.write(lambda db: db.execute("DELETE FROM messages WHERE id = 1"))
    house.settle(1, house.claim(1), Submitted(1))
    assert house.view(good).status is Status.SENT


# Numbers that grow.


@pytest.mark.parametrize("tries", [1, 8, 2000, 20_000])
def test_a_sim_without_credit_rests_as_long_however_often_it_was_tried(tries: int) -> None:
    breakers, rest_s = CircuitBreaker(), 0.0
    for number in range(tries + 2):
        part = Submission(number, 1, 1, 1, f"+2237{number:07}", segment=None, reference=0, validity_s=None)  # type: ignore[arg-type]
        rest_s = breakers.after(Outcome(part, refused(Kind.SIM), 0, 0))
    assert rest_s == (60.0 if tries == 1 else 900.0)
    assert len(breakers.recipients) < 10


def test_ten_days_without_credit_do_not_make_the_port_sick(house: House) -> None:
    send_many(house, 3)
    failure = Refused(refused(Kind.SIM).cause)
    for number in range(1500):
        house.clock.passed += 901
        step = house.next(1)
        if isinstance(step, Submission):
            house.settle(1, step, failure)
        if number % 100 == 0:
            house.clock.at += DAY // 2
            send_many(house, 5)


# What is counted and told.


@pytest.mark.parametrize("long", ["x" * 160, "é€" * 400])
def test_the_queue_holds_so_many_messages_whatever_their_length(tmp_path: Path, long: str) -> None:
    house = House(tmp_path, max_pending=3)
    house.up(1, A)
    for _ in range(3):
        house.send(long)
    with pytest.raises(QueueFullError):
        house.send("x")
    part = house.claim(1)  # what is in the air is pending still
    with pytest.raises(QueueFullError):
        house.send("x")
    step = house.settle(1, part, Submitted(1))
    while isinstance(step, Submission):
        step = house.settle(1, step, Submitted(1))
    house.send("x")
    house.close()


def test_a_gateway_whose_sims_may_all_send_nothing_is_not_ready(house: House) -> None:
    assert house.gateway.ready()
    house.set_sim(A, enabled=0)
    assert not house.gateway.ready()
    house.up(2, B)
    assert house.gateway.ready()
    house.set_sim(B, daily_limit=0)
    assert not house.gateway.ready()
    house.set_sim(A, enabled=1)
    assert house.gateway.ready()


def test_a_sim_is_back_only_once_that_was_written(tmp_path: Path) -> None:
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
    house.up(1, A)  # the port tells again what could not be kept
    assert house.gateway.dispatcher.backlog.queues() == [house.sim(A)]
    house.close()
