"""With a million messages: no statement of the daily work, or of the start, reads a whole table."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatewayd.admin.context import Context
from gatewayd.admin.status import status
from gatewayd.gateway import Gateway
from gatewayd.records import Draft, Idempotency, MessageFilter, Options, Status
from gatewayd.sims.numbering import Numbering
from gatewayd.store.engine.connection import Connection
from gatewayd.store.store import Store
from gatewayd.store.tables import messages, pagination, parts
from gatewayd.timekeeping.clock import SECOND, Calendar
from modem.errors import Kind
from modem.parts import InDoubt, Submitted
from modem.sms.tpdu import StatusReport
from tests.gatewayd.played_ports import House, refused

A, B = "8922300000000000001", "8922300000000000002"
# One row from the end of the table, not all of them.
ONE_ROW = "SELECT id, task_id FROM messages ORDER BY id DESC LIMIT 1"
WHOLE = re.compile(
    r"SCAN (messages|parts|m|p|q|s|idempotency|i|refusals|r|inbox|inbound_seen|assemblies|stored_parts|reports)\b"
)
# Indexes that may be read whole: all pending messages when the clock becomes trusted; one part under way for each port; the
# counts of `gatewayd status`, on a reading connection; at the start the SIMs with early reports, and some hundred
# deferred parts at a time; the SIMs of a box.
READ_WHOLE = re.compile(
    "USING (COVERING )?INDEX (messages_expiry|parts_open|parts_awaiting|parts_deferred|reports_reference)|SCAN s$"
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, ports=2)
    yield house
    house.close()


def listen(house: House, said: list[str]) -> None:
    """Record every statement from now on."""
    house.store.write(lambda db: db.set_trace_callback(said.append))
    for readers in (house.store.readers, house.store.lists):
        with readers.lend() as db:  # the connection that was lent last is lent next
            db.set_trace_callback(said.append)


def plans(house: House, said: list[str]) -> Iterator[tuple[str, str]]:
    """Each statement with each step of its plan."""
    for statement in dict.fromkeys(said):
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "WITH", "\n    SELECT")):
            explained = f"EXPLAIN QUERY PLAN {statement}"
            for row in house.store.write(lambda db, explained=explained: db.execute(explained).fetchall()):  # type: ignore[misc]
                yield statement, row["detail"]


def a_day(house: House) -> None:
    """Most of what happens to messages."""
    house.up(1, A)
    house.up(2, B)
    sim = house.sim(A)
    sent = [house.send(f"message {n}", sim=sim) for n in range(5)]
    house.gateway.submit(house.caller, Draft("+22370123457", "again"), Options(), Idempotency("k", b"1"), 0)
    first = house.claim(1)
    house.gateway.dispatcher.reported(house.statuses[1], report(house, 200))  # of no part that is known
    second = house.settle(1, first, Submitted(7))
    house.gateway.dispatcher.reported(house.statuses[1], report(house, 7))
    third = house.settle(1, second, refused(Kind.MOMENT))  # type: ignore[arg-type]
    house.settle(1, third, InDoubt("silence"))  # type: ignore[arg-type]
    house.next(2)
    house.gateway.cancel(house.caller, sent[-1])
    house.gateway.messages(house.caller, MessageFilter(recipient="+22370123456", status=Status.PENDING))
    house.gateway.messages(house.caller, MessageFilter(since=1, until=house.clock.at + 1, cursor=4))
    house.gateway.inbox(house.caller, 10, None)
    assert house.gateway.ready()
    house.gateway._housekeeping.sweep()  # noqa: SLF001 - done every ten minutes
    house.gateway._retention.begin()  # noqa: SLF001
    house.store.write(lambda db: house.gateway.restamp(db, house.clock.at, 1))
    house.store.write(lambda db: parts.awaits_report(db, sim, 0, house.clock.at))
    calendar, numbering = Calendar(house.settings.numbers.zone), Numbering(house.settings.numbers)
    status(Context(house.store, house.clock, calendar, numbering, house.gateway))


def report(house: House, reference: int) -> StatusReport:
    taken = datetime.fromtimestamp(house.clock.at / 1e6, UTC)
    return StatusReport("", reference, "+22370123456", taken, taken, 0)


def test_no_statement_of_a_day_or_of_a_start_reads_a_whole_table(house: House) -> None:
    said: list[str] = []
    listen(house, said)
    a_day(house)
    house.close()
    house.store = Store(house.settings.store.path)
    house.store.open()
    listen(house, said)
    house.gateway = Gateway(house.settings, house.store, house.clock)
    house.gateway.start(house.bells)
    looked = list(plans(house, said))
    assert len(looked) > 50
    whole = [step for step in looked if WHOLE.search(step[1]) and not READ_WHOLE.search(step[1])]
    assert [step for step in whole if step[0] != ONE_ROW] == []


def test_a_page_that_is_read_in_several_windows_is_complete(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "WINDOW", 3)
    house.up(1, A)
    sent = [house.send(recipient=f"+2237012345{n % 2}") for n in range(10)]
    found, cursor = house.gateway.messages(house.caller, MessageFilter(recipient="+22370123450", limit=4))
    assert [view.sms_id for view in found] == [sent[n] for n in (8, 6, 4, 2)]
    rest, end = house.gateway.messages(
        house.caller, MessageFilter(recipient="+22370123450", limit=4, cursor=cursor)
    )
    assert [view.sms_id for view in rest] == [sent[0]]
    assert end is None
    every, _ = house.gateway.messages(house.caller, MessageFilter())
    assert [view.sms_id for view in every] == sent[::-1]


def steps(db: Connection, read: Callable[[Connection], object]) -> int:
    """The work of SQLite for a read, in hundreds of steps of its virtual machine."""
    count = 0

    def one_more() -> None:
        nonlocal count
        count += 1

    db.set_progress_handler(one_more, 100)
    try:
        read(db)
    finally:
        db.set_progress_handler(None, 100)
    return count


def fill(house: House, count: int, company: int, at: int, *, state: str = "queued") -> None:
    """Messages of one part, one each second from `at` on."""

    def work(db: Connection) -> None:
        first, _ = messages.next_ids(db)
        rows = [
            (
                *(first + n, f"{first + n}", first + n, company, "+22370000000", "x", 1, 0, 1, None, 1, 1, 1),
                *(0.0, "2027-01-15", "2027-01-15", at + n * SECOND, None),
            )
            for n in range(count)
        ]
        messages.insert(db, rows)
        messages.insert_parts(db, [(row[0], 1, 1, 0, 1) for row in rows])
        if state != "queued":
            ended = [(state, row[0] % 256, row[16], row[0]) for row in rows]
            db.executemany(
                "UPDATE parts SET state = ?, reference = ?, ended_at = ? WHERE message_id = ?", ended
            )

    house.store.write(work)


@pytest.mark.parametrize(
    "wanted",
    [
        MessageFilter(since=1_800_000_000 * SECOND),
        MessageFilter(since=1_800_000_000 * SECOND, until=1_800_000_300 * SECOND),
        MessageFilter(since=1_800_000_000 * SECOND, status=Status.PENDING),
        MessageFilter(since=1_800_000_000 * SECOND, recipient="+22370000001"),
        MessageFilter(until=1_700_000_010 * SECOND),
        MessageFilter(limit=10),
        MessageFilter(limit=10, cursor=12),
    ],
)
def test_a_page_of_a_short_time_reads_little_of_very_many(house: House, wanted: MessageFilter) -> None:
    other = house.company + 1
    fill(house, 20, house.company, 1_700_000_000 * SECOND)
    fill(house, 5_000, other, 1_750_000_000 * SECOND)
    fill(house, 5_000, house.company, 1_760_000_000 * SECOND)
    fill(house, 20, house.company, 1_800_000_000 * SECOND)
    with house.store.lists.lend() as db:
        found = steps(
            db,
            lambda db: messages.page(
                db,
                company_id=house.company,
                status=None if wanted.status is None else wanted.status.value,
                campaign_id=None,
                recipient=wanted.recipient,
                since=wanted.since,
                until=wanted.until,
                before_id=wanted.cursor,
                limit=wanted.limit,
            ),
        )
    assert found < 100


def test_pages_follow_each_other_through_messages_of_one_moment_and_of_a_clock_that_was_set_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "WINDOW", 4)
    fill(house, 5, house.company, house.clock.at + 100 * SECOND)
    fill(house, 3, house.company + 1, house.clock.at)
    fill(house, 5, house.company, house.clock.at)
    house.store.write(
        lambda db: db.execute("UPDATE messages SET created_at = ? WHERE id > 10", (house.clock.at,))
    )
    expected = ["5", "4", "3", "2", "1", "10", "9", *["13", "12", "11"]]
    order = sorted(expected[5:], key=lambda sms_id: (house_created(house, sms_id), int(sms_id)), reverse=True)
    for wanted in (MessageFilter(limit=3), MessageFilter(limit=3, status=Status.PENDING)):
        seen: list[str] = []
        cursor: int | None = None
        while True:
            page, cursor = house.gateway.messages(house.caller, replace(wanted, cursor=cursor))
            seen += [view.sms_id for view in page]
            if cursor is None:
                break
        assert seen == [*expected[:5], *order]


def house_created(house: House, sms_id: str) -> int:
    created: int = house.row("SELECT created_at FROM messages WHERE sms_id = ?", sms_id)[0]
    return created


def test_a_page_goes_on_behind_a_message_that_was_deleted_meanwhile(house: House) -> None:
    fill(house, 9, house.company, house.clock.at)
    first, cursor = house.gateway.messages(house.caller, MessageFilter(limit=4))
    house.store.write(lambda db: db.execute("DELETE FROM messages WHERE id = ?", (cursor,)))
    rest, _ = house.gateway.messages(house.caller, MessageFilter(cursor=cursor))
    assert [view.sms_id for view in (*first, *rest)] == [f"{n}" for n in range(9, 0, -1)]


def test_lists_do_not_take_the_connections_that_a_send_needs(house: House) -> None:
    house.up(1, A)
    with house.store.lists.lend(), house.store.lists.lend():  # all connections for lists
        began = time.monotonic()
        sms_id = house.send()
        assert house.view(sms_id).status is Status.PENDING
        assert house.gateway.ready()
        assert time.monotonic() - began < 5  # a wait for a connection would take ten seconds, and then fail


def test_a_part_that_waits_for_a_report_is_found_among_many_that_are_never_reported(house: House) -> None:
    fill(house, 5_000, house.company, 1_700_000_000 * SECOND, state="submitted")
    house.store.write(lambda db: db.execute("UPDATE parts SET reference = NULL WHERE message_id % 2"))
    now = 1_800_000_000 * SECOND

    def look(db: Connection) -> tuple[int, int, bool, bool]:
        none = parts.awaits_report(db, 1, now - SECOND, now)
        count = steps(db, lambda db: parts.awaits_report(db, 1, now - SECOND, now))
        unknown = steps(db, lambda db: parts.without_reference(db, 1, now - SECOND, now))
        some = parts.awaits_report(db, 1, 1_700_000_500 * SECOND, 1_700_000_510 * SECOND)
        return count, unknown, none, some

    count, unknown, none, some = house.store.write(look)
    assert (none, some) == (False, True)
    assert count < 60
    assert unknown < 10
    with_reference = house.store.write(
        lambda db: steps(db, lambda db: parts.of_report(db, 1, 6, now)), timeout_s=10
    )
    assert with_reference < 60
