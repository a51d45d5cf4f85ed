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
from tests.gatewayd.played_ports import A, PlayedGateway, send_many


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path, default_expiry_s=3600)
    played.up(1, A)
    yield played
    played.close()


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
def test_an_index_with_a_part_that_is_not_queued_is_rebuilt(
    played: PlayedGateway, change: str, caplog: pytest.LogCaptureFixture, *, expired: bool
) -> None:
    send_many(played, 3)
    played.close()
    without_index(played.settings.store.path, change)
    played.open()
    if expired:
        played.clock.at += 3601 * SECOND
    played.up(1, A)
    intact = played.send("intact")
    texts = []
    for _ in range(10):
        step = played.next(1)
        while isinstance(step, Submission):
            texts.append(step.segment.text)
            step = played.settle(1, step, Submitted(1))
    assert texts[-1] == "intact"
    assert played.view(intact).status is Status.SENT
    assert "damaged" in caplog.text
    check = played.store.write(lambda db: db.execute("PRAGMA integrity_check").fetchall())
    assert [row[0] for row in check] == ["ok"]
    assert sum(played.store.write(queue_counts.waiting).values()) == 0


def test_a_part_without_a_message_does_not_block_the_queue(played: PlayedGateway) -> None:
    played.send("lost")
    intact = played.send("intact")
    played.store.write(lambda db: db.execute("DELETE FROM messages WHERE id = 1"))
    played.settle(1, played.claim(1), Submitted(1))
    assert played.view(intact).status is Status.SENT
