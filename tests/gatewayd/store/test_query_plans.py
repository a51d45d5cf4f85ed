"""With a million messages: no statement of the daily work, or of the start, reads a whole table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatewayd.admin import companies
from gatewayd.admin.box_state import collect
from gatewayd.admin.context import Context
from gatewayd.admin.status import status
from gatewayd.gateway import Gateway
from gatewayd.operations.figures import FigureReader
from gatewayd.records import (
    Draft,
    Idempotency,
    InboxFilter,
    MessageFilter,
    MessageRecord,
    Options,
    Priority,
    Status,
)
from gatewayd.sims.numbering import Numbering
from gatewayd.store.engine.connection import Connection
from gatewayd.store.store import Store
from gatewayd.store.tables import hourly_counts, messages, pagination, parts, queue_metrics
from gatewayd.timekeeping.clock import SECOND, Calendar, month_of
from modem.errors import Kind
from modem.parts import InDoubt, Submission, Submitted
from modem.sms.tpdu import StatusReport
from tests.conftest import eventually
from tests.gatewayd.played_ports import A, B, PlayedGateway, administration_context, refused, send_many
from tests.sqlite import sqlite

# One row from the end of the table, not all of them.
ONE_ROW = "SELECT id, task_id FROM messages ORDER BY id DESC LIMIT 1"
WHOLE = re.compile(
    r"SCAN (messages|parts|m|p|q|s|idempotency|i|refusals|r|inbox|inbound_seen|assemblies|stored_parts|reports|events|e|hourly_counts|monthly_counts)\b"
)
# Indexes that may be read whole: all pending messages when the clock becomes trusted; one part under way for each port; the
# counts of `gatewayd status`, on a reading connection; at the start the SIMs with early reports, and some hundred
# deferred parts at a time; the SIMs of a box.
READ_WHOLE = re.compile(
    "USING (COVERING )?INDEX (messages_expiry|parts_open|parts_awaiting|parts_deferred|reports_reference)|SCAN s$"
)


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path, ports=2)
    yield played
    played.close()


def record_statements(played: PlayedGateway, statements: list[str]) -> None:
    """Record every statement from now on."""
    played.store.write(lambda db: sqlite(db).set_trace_callback(statements.append))
    for readers in (played.store.readers, played.store.lists):
        with readers.lend() as db:  # the pool lends the connection that was returned last
            sqlite(db).set_trace_callback(statements.append)


def plans(played: PlayedGateway, statements: list[str]) -> Iterator[tuple[str, str]]:
    """Each statement with each step of its plan."""
    for statement in dict.fromkeys(statements):
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "WITH", "\n    SELECT")):
            explained = f"EXPLAIN QUERY PLAN {statement}"
            for row in played.store.write(lambda db, explained=explained: db.execute(explained).fetchall()):  # type: ignore[misc]
                yield statement, row["detail"]


def a_day(played: PlayedGateway) -> None:
    """The common events of messages, from accepted to delivered or failed."""
    played.up(1, A)
    played.up(2, B)
    sim = played.sim(A)
    sent = [played.send(f"message {n}", sim=sim) for n in range(5)]
    played.gateway.submit(played.caller, Draft("+22370123457", "again"), Options(), Idempotency("k", b"1"), 0)
    first = played.claim(1)
    played.gateway.dispatcher.reported(played.statuses[1], report(played, 200))  # a report on an unknown part
    second = played.settle(1, first, Submitted(7))
    played.gateway.dispatcher.reported(played.statuses[1], report(played, 7))
    third = played.settle(1, second, refused(Kind.MOMENT))  # type: ignore[arg-type]
    played.settle(1, third, InDoubt("silence"))  # type: ignore[arg-type]
    played.next(2)
    played.gateway.cancel(played.caller, sent[-1])
    played.gateway.messages(played.caller, MessageFilter(recipient="+22370123456", status=Status.PENDING))
    played.gateway.messages(played.caller, MessageFilter(since=1, until=played.clock.at + 1, cursor=4))
    played.gateway.inbox(played.caller, InboxFilter(limit=10))
    companies.set_(administration_context(played), played.company, {"sending_window": "08:00-20:00"})
    for send_at in (None, played.clock.at + SECOND):
        options = Options(campaign_id=1, priority=Priority.BULK, send_at=send_at)
        view, _ = played.gateway.submit(played.caller, Draft("+22370123458", "é" * 200), options, None, 0)
    played.clock.at += 2 * SECOND
    played.gateway.clock_trusted()
    assert isinstance(view, MessageRecord)
    eventually(lambda: played.view(view.sms_id).sim_number)
    companies.set_(administration_context(played), played.company, {"sending_window": None})
    bulk = played.settle(2, played.claim(2), Submitted(9))
    assert isinstance(bulk, Submission)
    played.gateway.campaigns.cancel(played.caller, 1)
    played.gateway.checks()
    assert played.gateway.ready()
    played.gateway._housekeeping.sweep()  # noqa: SLF001 - the timer runs every ten minutes
    played.gateway._retention.begin()  # noqa: SLF001
    played.store.write(lambda db: played.gateway.restamp(db, played.clock.at, 1))
    played.store.write(lambda db: parts.awaits_report(db, sim, 0, played.clock.at))
    calendar, numbering = Calendar(played.settings.numbers.zone), Numbering(played.settings.numbers)
    context = Context(played.store, played.clock, calendar, numbering, played.gateway)
    status(context)
    assert collect(context, played.gateway, played.settings).stored is not None
    figures = FigureReader(played.store, played.clock, calendar)
    for company in (None, played.company):
        assert figures.read(company).today.accepted
    played.store.write(lambda db: hourly_counts.forget_before(db, 1, "2000-01"))
    played.store.write(
        lambda db: hourly_counts.of_month(
            db, played.company, "2027-01", lambda at: month_of(calendar.day(at))
        )
    )


def report(played: PlayedGateway, reference: int) -> StatusReport:
    stamp = datetime.fromtimestamp(played.clock.at / 1e6, UTC)
    return StatusReport("", reference, "+22370123456", stamp, stamp, 0)


def test_no_statement_of_a_day_or_of_a_start_reads_a_whole_table(played: PlayedGateway) -> None:
    statements: list[str] = []
    record_statements(played, statements)
    a_day(played)
    played.close()
    played.store = Store(played.settings.store.path)
    played.store.open()
    record_statements(played, statements)
    played.gateway = Gateway(played.settings, played.store, played.clock)
    played.gateway.start(played.ports)
    steps_seen = list(plans(played, statements))
    assert len(steps_seen) > 50
    full_reads = [step for step in steps_seen if WHOLE.search(step[1]) and not READ_WHOLE.search(step[1])]
    assert [step for step in full_reads if step[0] != ONE_ROW] == []


def test_a_page_that_is_read_in_several_windows_is_complete(
    played: PlayedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "WINDOW", 3)
    played.up(1, A)
    sent = [played.send(recipient=f"+2237012345{n % 2}") for n in range(10)]
    found, cursor = played.gateway.messages(played.caller, MessageFilter(recipient="+22370123450", limit=4))
    assert [view.sms_id for view in found] == [sent[n] for n in (8, 6, 4, 2)]
    rest, end = played.gateway.messages(
        played.caller, MessageFilter(recipient="+22370123450", limit=4, cursor=cursor)
    )
    assert [view.sms_id for view in rest] == [sent[0]]
    assert end is None
    every, _ = played.gateway.messages(played.caller, MessageFilter())
    assert [view.sms_id for view in every] == sent[::-1]


def steps(db: Connection, read: Callable[[Connection], object]) -> int:
    """The work of SQLite for a read, in hundreds of steps of its virtual machine."""
    count = 0

    def count_steps() -> None:
        nonlocal count
        count += 1

    sqlite(db).set_progress_handler(count_steps, 100)
    try:
        read(db)
    finally:
        sqlite(db).set_progress_handler(None, 100)
    return count


def fill(played: PlayedGateway, count: int, company: int, at: int, *, state: str = "queued") -> None:
    """Messages of one part, one each second from `at` on."""

    def work(db: Connection) -> None:
        first, _ = messages.next_ids(db)
        rows = [
            (
                *(first + n, f"{first + n}", first + n, company, "+22370000000", "x", 1, 0, 1, None, 1, 1, 1),
                *(0.0, "2027-01-15", "2027-01-15", at + n * SECOND, None, None, None, 0, 0, 0),
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

    played.store.write(work)


@pytest.mark.parametrize(
    "filter_",
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
def test_a_page_of_a_short_time_reads_little_of_very_many(
    played: PlayedGateway, filter_: MessageFilter
) -> None:
    other_company = played.company + 1
    fill(played, 20, played.company, 1_700_000_000 * SECOND)
    fill(played, 5_000, other_company, 1_750_000_000 * SECOND)
    fill(played, 5_000, played.company, 1_760_000_000 * SECOND)
    fill(played, 20, played.company, 1_800_000_000 * SECOND)
    with played.store.lists.lend() as db:
        found = steps(
            db,
            lambda db: messages.page(
                db,
                company_id=played.company,
                status=None if filter_.status is None else filter_.status.value,
                campaign_id=None,
                recipient=filter_.recipient,
                since=filter_.since,
                until=filter_.until,
                before_id=filter_.cursor,
                limit=filter_.limit,
            ),
        )
    assert found < 100


def test_pages_follow_each_other_through_messages_of_one_moment_and_of_a_clock_that_was_set_back(
    played: PlayedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "WINDOW", 4)
    fill(played, 5, played.company, played.clock.at + 100 * SECOND)
    fill(played, 3, played.company + 1, played.clock.at)
    fill(played, 5, played.company, played.clock.at)
    played.store.write(
        lambda db: db.execute("UPDATE messages SET created_at = ? WHERE id > 10", (played.clock.at,))
    )
    expected = ["5", "4", "3", "2", "1", "10", "9", *["13", "12", "11"]]
    order = sorted(
        expected[5:], key=lambda sms_id: (created_at_of(played, sms_id), int(sms_id)), reverse=True
    )
    for filter_ in (MessageFilter(limit=3), MessageFilter(limit=3, status=Status.PENDING)):
        read: list[str] = []
        cursor: int | None = None
        while True:
            page, cursor = played.gateway.messages(played.caller, replace(filter_, cursor=cursor))
            read += [view.sms_id for view in page]
            if cursor is None:
                break
        assert read == [*expected[:5], *order]


def created_at_of(played: PlayedGateway, sms_id: str) -> int:
    created: int = played.row("SELECT created_at FROM messages WHERE sms_id = ?", sms_id)[0]
    return created


def test_the_next_page_is_found_though_its_cursor_was_deleted(played: PlayedGateway) -> None:
    fill(played, 9, played.company, played.clock.at)
    first, cursor = played.gateway.messages(played.caller, MessageFilter(limit=4))
    played.store.write(lambda db: db.execute("DELETE FROM messages WHERE id = ?", (cursor,)))
    rest, _ = played.gateway.messages(played.caller, MessageFilter(cursor=cursor))
    assert [view.sms_id for view in (*first, *rest)] == [f"{n}" for n in range(9, 0, -1)]


def test_lists_leave_the_connections_that_a_send_needs(played: PlayedGateway) -> None:
    played.up(1, A)
    with played.store.lists.lend(), played.store.lists.lend():  # all connections for lists
        sms_id = played.send()  # would fail, after ten seconds without a connection
        assert played.view(sms_id).status is Status.PENDING
        assert played.gateway.ready()


def test_a_part_that_waits_for_a_report_is_found_among_many_that_are_never_reported(
    played: PlayedGateway,
) -> None:
    fill(played, 5_000, played.company, 1_700_000_000 * SECOND, state="submitted")
    played.store.write(lambda db: db.execute("UPDATE parts SET reference = NULL WHERE message_id % 2"))
    now = 1_800_000_000 * SECOND

    def look(db: Connection) -> tuple[int, int, bool, bool]:
        none = parts.awaits_report(db, 1, now - SECOND, now)
        count = steps(db, lambda db: parts.awaits_report(db, 1, now - SECOND, now))
        unknown = steps(db, lambda db: parts.without_reference(db, 1, now - SECOND, now))
        some = parts.awaits_report(db, 1, 1_700_000_500 * SECOND, 1_700_000_510 * SECOND)
        return count, unknown, none, some

    count, unknown, none, some = played.store.write(look)
    assert (none, some) == (False, True)
    assert count < 60
    assert unknown < 10
    with_reference = played.store.write(
        lambda db: steps(db, lambda db: parts.of_report(db, 1, 6, now)), timeout_s=10
    )
    assert with_reference < 60


def test_the_oldest_message_is_found_without_a_look_at_those_behind_it(played: PlayedGateway) -> None:
    """Health checks, metrics and the dashboard ask for it every few seconds, however long the queue is."""
    played.up(1, A)
    steps: list[int] = []
    for count in (5, 2000):
        send_many(played, count)
        with played.store.lists.lend() as db:
            looks = [0]

            def stepped(looks: list[int] = looks) -> int:
                looks[0] += 1
                return 0

            sqlite(db).set_progress_handler(stepped, 10)
            assert queue_metrics.oldest_by_company(db, [played.sim(A)])
            assert queue_metrics.of_sim(db, played.sim(A)).oldest_at is not None
            sqlite(db).set_progress_handler(None, 0)
        steps.append(looks[0])
    assert steps[1] <= steps[0] + 2
