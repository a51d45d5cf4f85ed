"""What holds with a million messages: no statement of the daily work, or of the start, reads a whole table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatewayd.admin.context import Context
from gatewayd.admin.status import status
from gatewayd.clock import Calendar
from gatewayd.gateway import Gateway
from gatewayd.numbers import Numbering
from gatewayd.store import messages
from gatewayd.store.store import Store
from gatewayd.views import Draft, Idempotency, MessageFilter, Options, Status
from modem.errors import Kind
from modem.tpdu import StatusReport
from modem.work import InDoubt, Submitted
from tests.gatewayd.house import House, refused

A, B = "8922300000000000001", "8922300000000000002"
# One row from the end of the table, not all of them.
ONE_ROW = "SELECT id, task_id FROM messages ORDER BY id DESC LIMIT 1"
WHOLE = re.compile(r"SCAN (messages|parts|m|p|q|idempotency|i|refusals|inbox)(?! USING)\b")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, ports=2)
    yield house
    house.close()


def listen(house: House, said: list[str]) -> None:
    """Write down every statement from now on."""
    house.store.write(lambda db: db.set_trace_callback(said.append))
    with house.store.readers.lend() as db:  # the one that was lent last is lent next
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
    assert [step for step in looked if WHOLE.search(step[1]) and step[0] != ONE_ROW] == []


def test_a_page_is_whole_that_is_read_in_several_goes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "_WINDOW", 3)
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
