"""Events are read in order, none is skipped, and a cursor knows when events were lost."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from gatewayd.events import reader
from gatewayd.events.cursor import Cursor
from gatewayd.events.reader import EventPage, EventQuery
from gatewayd.records import Audience, EventType
from gatewayd.store.tables import events as table
from modem.parts import Submission, Submitted
from tests.gatewayd.events.reading import BOX, events, of_company, page
from tests.gatewayd.operations.test_backups import back_up
from tests.gatewayd.played_ports import PlayedGateway

A = "8922301000000000001"
SANDBOX = Audience(1, sandbox=True)


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path)
    played.up(1, A)
    yield played
    played.close()


def tell(played: PlayedGateway, count: int = 1, company: int | None = 1, *, sandbox: bool = False) -> None:
    """Write events in one transaction each."""
    for number in range(count):
        data = {"number": number}
        played.store.write(
            lambda db, data=data: table.write(  # type: ignore[misc]
                db, EventType.OPT_OUT_CHANGED, company, 0, data=data, sandbox=sandbox
            )
        )


def send_all(played: PlayedGateway) -> None:
    step = played.next(1)
    while isinstance(step, Submission):
        step = played.settle(1, step, Submitted(1))


def go_on(played: PlayedGateway, after: EventPage) -> EventPage:
    return page(played, after.next_cursor)


def test_pages_follow_each_other_and_an_empty_one_says_where_to_go_on(played: PlayedGateway) -> None:
    empty = page(played)
    assert (empty.events, empty.more, empty.reset) == ([], False, False)
    tell(played, 5)
    first = page(played, empty.next_cursor, limit=3)
    assert ([event.data["number"] for event in first.events], first.more) == ([0, 1, 2], True)
    second = go_on(played, first)
    assert ([event.data["number"] for event in second.events], second.more) == ([3, 4], False)
    last = go_on(played, second)
    assert (last.events, last.next_cursor, last.reset) == ([], second.next_cursor, False)


def test_each_audience_reads_its_own_events(played: PlayedGateway) -> None:
    tell(played, company=1)
    tell(played, company=2)
    tell(played, company=None)
    tell(played, company=1, sandbox=True)

    def companies(audience: Audience) -> list[tuple[int, bool]]:
        return [(event.company_id, event.sandbox) for event in events(played, audience)]

    assert companies(Audience(1)) == [(1, False)]
    assert companies(Audience(1, box=True)) == [(1, False), (0, False)]
    assert companies(BOX) == [(0, False)]
    assert companies(SANDBOX) == [(1, True)]
    assert companies(Audience(1, box=True, sandbox=True)) == [(1, True)]
    assert companies(Audience(3)) == []


def test_events_are_filtered_by_type(played: PlayedGateway) -> None:
    played.send()
    send_all(played)
    tell(played)
    wanted = frozenset({EventType.MESSAGE_SENT})
    found = played.gateway.events.read(of_company(played), EventQuery(types=wanted))
    assert [event.type for event in found.events] == [EventType.MESSAGE_SENT]


def test_few_events_among_many_are_found_in_several_requests(
    played: PlayedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_WINDOW", 7)
    monkeypatch.setattr(reader, "_LOOKS_AT", 20)
    tell(played, 30, company=2)
    tell(played, 1)
    tell(played, 30, company=2)
    found, requests = page(played), 1
    seen = [*found.events]
    while found.more:
        found = go_on(played, found)
        seen += found.events
        requests += 1
    assert len(seen) == 1
    assert requests == 3


def test_no_event_is_skipped_while_many_write(played: PlayedGateway) -> None:
    writers, each = 8, 40
    threads = [threading.Thread(target=tell, args=(played, each)) for _ in range(writers)]
    for thread in threads:
        thread.start()
    seen: list[int] = []
    after: Cursor | None = None
    deadline = monotonic() + 60
    while len(seen) < writers * each and monotonic() < deadline:
        query = EventQuery(after, limit=3)
        found = played.gateway.events.wait(of_company(played), query, 10, lambda: False)
        seen += [event.number for event in found.events]
        after = found.next_cursor
    for thread in threads:
        thread.join(10)
    assert seen == sorted(set(seen))
    assert len(seen) == writers * each


def test_a_deleted_message_takes_its_events_with_it(played: PlayedGateway) -> None:
    for body in ("one", "two"):
        played.send(body)
    send_all(played)
    assert len(events(played)) == 2
    played.store.write(lambda db: db.execute("DELETE FROM messages WHERE text = 'one'"))
    (left,) = events(played)
    assert left.message is not None
    assert left.message.text == "two"


def test_a_restored_backup_resets_cursors_and_never_uses_an_id_again(
    played: PlayedGateway, tmp_path: Path
) -> None:
    tell(played, 3)
    kept = page(played)
    back_up(played.store, tmp_path / "copy.db")
    tell(played, 2)
    lost = page(played)
    played.close()
    for file in tmp_path.glob("gatewayd.db*"):
        file.unlink()
    os.replace(tmp_path / "copy.db", played.settings.store.path)
    played.open()
    tell(played, 2)
    for before in (kept, lost):
        found = go_on(played, before)
        assert found.reset
        assert [event.id for event in found.events[:3]] == [event.id for event in kept.events]
        assert {event.id for event in found.events[3:]}.isdisjoint(event.id for event in lost.events)
        assert len({event.id for event in found.events}) == 5
        assert not go_on(played, found).reset
    played.restart()
    assert not go_on(played, found).reset


def test_a_database_that_a_person_copied_back_is_noticed_too(played: PlayedGateway, tmp_path: Path) -> None:
    tell(played, 3)
    kept = page(played)
    played.close()
    shutil.copy(played.settings.store.path, tmp_path / "copy.db")
    played.open()
    tell(played, 2)
    lost = page(played)
    played.close()
    os.replace(tmp_path / "copy.db", played.settings.store.path)
    played.open()
    tell(played, 4)
    found = go_on(played, kept)
    assert not found.reset  # nothing that it has not seen is lost
    assert {event.id for event in found.events}.isdisjoint(event.id for event in lost.events)
    assert go_on(played, lost).reset


def test_the_waiting_messages_of_a_restored_backup_are_told_as_in_doubt(
    played: PlayedGateway, tmp_path: Path
) -> None:
    played.send("waits")
    back_up(played.store, tmp_path / "copy.db")
    played.close()
    for file in tmp_path.glob("gatewayd.db*"):
        file.unlink()
    os.replace(tmp_path / "copy.db", played.settings.store.path)
    played.open()
    (event,) = events(played)
    assert event.type is EventType.MESSAGE_IN_DOUBT
    assert event.sequence == 1
    played.restart()
    assert len(events(played)) == 1


@pytest.mark.parametrize(
    "text", ["", "x", "12345678-12345678", "12345678-12345678-1 ", "1234567g-12345678-1"]
)
def test_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="next_cursor"):
        Cursor.parse(text)


def test_a_cursor_of_another_database_is_reset(played: PlayedGateway) -> None:
    tell(played)
    found = page(played, Cursor.parse("12345678-12345678-1"))
    assert found.reset
    assert len(found.events) == 1


class Waiter(threading.Thread):
    """A client that waits for an event."""

    def __init__(self, played: PlayedGateway, after: Cursor | None, audience: Audience) -> None:
        super().__init__()
        self.page: EventPage | None = None
        self.gone = threading.Event()
        self._reader, self._audience, self._after = played.gateway.events, audience, after

    def run(self) -> None:
        self.page = self._reader.wait(self._audience, EventQuery(self._after), 60, self.gone.is_set)

    def done(self) -> EventPage:
        self.join(20)
        assert self.page is not None
        return self.page


def test_a_waiting_reader_is_woken_by_an_event_of_its_own_only(played: PlayedGateway) -> None:
    waiter = Waiter(played, None, of_company(played))
    waiter.start()
    tell(played, 3, company=2)
    assert waiter.is_alive()
    tell(played, 1)
    assert len(waiter.done().events) == 1
    assert not go_on(played, waiter.done()).events


def test_a_waiting_reader_ends_with_its_client_and_with_the_gateway(played: PlayedGateway) -> None:
    first, second = (Waiter(played, None, of_company(played)) for _ in range(2))
    first.start()
    first.gone.set()
    assert first.done().events == []
    second.start()
    played.gateway.stop(1)
    assert second.done().events == []
    played.store.close()
    played.open()
