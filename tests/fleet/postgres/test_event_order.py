"""Events are read in their order beside several writers, and none is missed."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from gatewayd.records import EventType
from gatewayd.store.tables import events, hourly_counts
from tests.fleet.databases import Database
from tests.fleet.postgres.connections import box_connection

pytestmark = pytest.mark.postgres

WRITERS = 4
AT_ONCE = 25


@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=pytest.mark.bench)])
def test_a_reader_beside_four_writers_misses_no_event(
    fleet_database: Database, tmp_path: Path, count: int
) -> None:
    written = count // WRITERS
    failures: list[BaseException] = []

    def write(writer: int) -> None:
        try:
            with box_connection(fleet_database, tmp_path, f"writer{writer}") as db:
                for first in range(0, written, AT_ONCE):
                    with db.transaction():
                        for number in range(first, min(first + AT_ONCE, written)):
                            events.write(db, EventType.PORT_DOWN, None, writer * written + number)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    seen: list[int] = []
    last = 0
    with box_connection(fleet_database, tmp_path, "reader") as db:
        while True:
            ended = not any(thread.is_alive() for thread in threads)
            found = db.execute("SELECT id, at FROM events WHERE id > ? ORDER BY id", (last,)).fetchall()
            if found:
                last = found[-1]["id"]
                seen += [row["at"] for row in found]
            elif ended:
                break
    assert failures == []
    assert len(seen) == written * WRITERS
    assert sorted(seen) == list(range(written * WRITERS))


def test_a_message_whose_transaction_is_still_open_is_counted_later(
    fleet_database: Database, tmp_path: Path
) -> None:
    """The ids of messages do not commit in their order, so counting waits for the transactions that were open."""

    def accept(db: object, number: int) -> None:
        db.execute(  # type: ignore[attr-defined]
            "INSERT INTO messages (id, sms_id, task_id, company_id, recipient, text, priority, pinned, sim_id, parts, unsent,"
            " undelivered, cost, taken_day, day, created_at) VALUES (?, ?, 1, 1, '', '', 1, 0, 1, 1, 1, 1, 0, '', 'd', 0)",
            (number, f"{number}"),
        )

    def counted() -> int:
        with counting.transaction():
            hourly_counts.add_new(counting, lambda _: "m")
        row = counting.execute("SELECT coalesce(sum(accepted), 0) FROM hourly_counts").fetchone()
        assert row is not None
        found: int = row[0]
        return found

    with (
        box_connection(fleet_database, tmp_path, "a") as one,
        box_connection(fleet_database, tmp_path, "b") as two,
        box_connection(fleet_database, tmp_path, "c") as counting,
    ):
        with one.transaction():
            accept(one, 1)
            with two.transaction():
                accept(two, 2)
            assert [counted() for _ in range(4)] == [0, 0, 0, 0]
        assert [counted() for _ in range(3)][-1] == 2
