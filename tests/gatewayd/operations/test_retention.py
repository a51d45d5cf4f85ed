"""Old messages are deleted in small steps, waiting ones never; lists read few rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayd.records import Caller, InboxFilter, Status
from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables import pagination
from gatewayd.store.tables.retention import TABLES
from gatewayd.timekeeping.clock import DAY
from modem.parts import Submission, Submitted
from tests.conftest import eventually
from tests.gatewayd.played_ports import A, PlayedGateway


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path, default_expiry_s=366 * 86400)
    played.up(1, A)
    yield played
    played.close()


def texts(played: PlayedGateway) -> list[str]:
    with played.store.readers.lend() as db:
        return [row[0] for row in db.execute("SELECT text FROM messages ORDER BY id")]


def send_all(played: PlayedGateway) -> None:
    step = played.next(1)
    while isinstance(step, Submission):
        step = played.settle(1, step, Submitted(1))


def test_old_messages_are_deleted_with_all_their_rows(played: PlayedGateway) -> None:
    for n in range(250):
        played.send(f"old {n}")
    send_all(played)
    waiting = played.send("waiting")
    played.store.write(
        lambda db: db.execute(
            "INSERT INTO inbox (sim_id, sender, text, received_at) VALUES (1, 'x', 'old', ?)",
            (played.clock.now(),),
        )
    )
    played.clock.at += 89 * DAY
    played.gateway._retention.begin()  # noqa: SLF001 - the timer runs every ten minutes
    played.send("new")
    played.clock.at += 2 * DAY
    played.restart()
    eventually(lambda: texts(played) == ["waiting", "new"])
    assert played.row("SELECT count(*) FROM parts")[0] == 2
    eventually(lambda: played.row("SELECT count(*) FROM inbox")[0] == 0)
    assert played.view(waiting).status is Status.PENDING


def test_rows_from_before_the_clock_was_set_are_as_old_as_the_next_row(played: PlayedGateway) -> None:
    correct = played.clock.at
    played.clock.at = 10 * DAY  # 1970
    played.send("before the clock was set")
    send_all(played)
    played.clock.at = correct
    played.send("after")
    send_all(played)
    played.restart()
    played.gateway._retention.begin()  # noqa: SLF001
    eventually(lambda: not played.gateway._retention._running)  # noqa: SLF001
    assert len(texts(played)) == 2
    played.clock.at += 91 * DAY
    played.up(1, A)
    played.send("new")
    played.gateway._retention.begin()  # noqa: SLF001
    eventually(lambda: texts(played) == ["new"])


def test_retention_knows_the_time_of_every_table_of_texts(played: PlayedGateway) -> None:
    with played.store.readers.lend() as db:
        tables = db.execute(
            "SELECT DISTINCT s.name FROM sqlite_schema s, pragma_table_info(s.name) c"
            " WHERE s.type = 'table' AND c.name IN ('text', 'pdu', 'recipient')"
        ).fetchall()
    # Housekeeping deletes the parts of long texts, a week after the text is complete, and recipients after their month. Opt-outs are kept as evidence.
    assert {row[0] for row in tables} == {*TABLES, "assembly_parts", "opt_outs", "sim_recipients"}


def test_the_inbox_is_read_in_several_windows(played: PlayedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "WINDOW", 7)

    def fill(db: Connection) -> None:
        rows = [(f"{n}", played.company if n == 3 else 99) for n in range(40)]
        db.executemany(
            "INSERT INTO inbox (sim_id, sender, text, received_at, company_id) VALUES (1, 'x', ?, 0, ?)", rows
        )

    played.store.write(fill)
    assert [view.text for view in played.gateway.inbox(played.caller, InboxFilter(limit=10))[0]] == ["3"]
    assert played.gateway.inbox(played.caller, InboxFilter(limit=10, cursor=4))[0] == []
    other = Caller(0, 99, admin=False)
    texts_read: list[str] = []
    cursor: int | None = 10**15
    while cursor is not None:
        page, cursor = played.gateway.inbox(other, InboxFilter(limit=9, cursor=cursor))
        texts_read += [view.text for view in page]
    assert texts_read == [f"{n}" for n in range(39, -1, -1) if n != 3]
