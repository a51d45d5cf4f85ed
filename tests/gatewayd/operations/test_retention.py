"""What is old is deleted a little at a time, what waits never; lists find what they look for without a long read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayd.records import Caller, Status
from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables import pagination
from gatewayd.store.tables.retention import TABLES
from gatewayd.timekeeping.clock import DAY
from modem.parts import Submission, Submitted
from tests.conftest import eventually
from tests.gatewayd.played_ports import House

A = "8922300000000000001"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, default_expiry_s=366 * 86400)
    house.up(1, A)
    yield house
    house.close()


def texts(house: House) -> list[str]:
    with house.store.readers.lend() as db:
        return [row[0] for row in db.execute("SELECT text FROM messages ORDER BY id")]


def send_all(house: House) -> None:
    step = house.next(1)
    while isinstance(step, Submission):
        step = house.settle(1, step, Submitted(1))


def test_what_ended_long_ago_is_deleted_with_all_that_belongs_to_it(house: House) -> None:
    for n in range(250):
        house.send(f"old {n}")
    send_all(house)
    waiting = house.send("waiting")
    house.store.write(
        lambda db: db.execute(
            "INSERT INTO inbox (sim_id, sender, text, received_at) VALUES (1, 'x', 'old', ?)",
            (house.clock.now(),),
        )
    )
    house.clock.at += 89 * DAY
    house.gateway._retention.begin()  # noqa: SLF001 - it is done every ten minutes
    house.send("new")
    house.clock.at += 2 * DAY
    house.restart()
    eventually(lambda: texts(house) == ["waiting", "new"])
    assert house.row("SELECT count(*) FROM parts")[0] == 2
    eventually(lambda: house.row("SELECT count(*) FROM inbox")[0] == 0)
    assert house.view(waiting).status is Status.PENDING


def test_what_was_kept_before_the_clock_was_set_is_as_old_as_what_came_next(house: House) -> None:
    right = house.clock.at
    house.clock.at = 10 * DAY  # 1970
    house.send("before the clock was set")
    send_all(house)
    house.clock.at = right
    house.send("after")
    send_all(house)
    house.restart()
    house.gateway._retention.begin()  # noqa: SLF001
    eventually(lambda: not house.gateway._retention._running)  # noqa: SLF001
    assert len(texts(house)) == 2
    house.clock.at += 91 * DAY
    house.up(1, A)
    house.send("new")
    house.gateway._retention.begin()  # noqa: SLF001
    eventually(lambda: texts(house) == ["new"])


def test_retention_knows_the_time_of_every_table_of_texts(house: House) -> None:
    with house.store.readers.lend() as db:
        named = db.execute(
            "SELECT DISTINCT s.name FROM sqlite_schema s, pragma_table_info(s.name) c"
            " WHERE s.type = 'table' AND c.name IN ('text', 'pdu', 'recipient')"
        ).fetchall()
    # The parts of long texts go with housekeeping, a week after the text is whole.
    assert {row[0] for row in named} == {*TABLES, "assembly_parts"}


def test_the_inbox_is_read_in_as_many_stretches_as_it_takes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "WINDOW", 7)

    def fill(db: Connection) -> None:
        rows = [(f"{n}", house.company if n == 3 else 99) for n in range(40)]
        db.executemany(
            "INSERT INTO inbox (sim_id, sender, text, received_at, company_id) VALUES (1, 'x', ?, 0, ?)", rows
        )

    house.store.write(fill)
    assert [view.text for view in house.gateway.inbox(house.caller, 10, None)[0]] == ["3"]
    assert house.gateway.inbox(house.caller, 10, 4)[0] == []
    other = Caller(0, 99, admin=False)
    seen: list[str] = []
    cursor: int | None = 10**15
    while cursor is not None:
        page, cursor = house.gateway.inbox(other, 9, cursor)
        seen += [view.text for view in page]
    assert seen == [f"{n}" for n in range(39, -1, -1) if n != 3]
