"""A damaged index of the queue is rebuilt, and sending continues."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gatewayd.records import Status
from gatewayd.store.tables import queue_counts
from gatewayd.timekeeping.clock import SECOND
from modem.parts import Submission, Submitted
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


def without_index(path: Path, change: str) -> None:
    """Change the table of parts without a change of its queue index."""
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
def test_an_index_with_a_part_that_does_not_wait_is_rebuilt(
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


def test_a_part_without_a_message_does_not_block_the_queue(house: House) -> None:
    house.send("lost")
    good = house.send("good")
    house.store.write(lambda db: db.execute("DELETE FROM messages WHERE id = 1"))
    house.settle(1, house.claim(1), Submitted(1))
    assert house.view(good).status is Status.SENT
