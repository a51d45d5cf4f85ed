"""Old events are deleted in small steps, and a cursor notices what it missed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayd.records import EventType
from gatewayd.store.tables import event_marks
from gatewayd.store.tables import events as table
from gatewayd.timekeeping.clock import DAY, SECOND
from tests.conftest import eventually
from tests.gatewayd.events.reading import events, page
from tests.gatewayd.played_ports import PlayedGateway

HOUR = 3600 * SECOND


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path)
    yield played
    played.close()


def tell(played: PlayedGateway, count: int = 1) -> None:
    def write(db: object) -> None:
        for _ in range(count):
            table.write(db, EventType.OPT_OUT_CHANGED, played.company, played.clock.at)  # type: ignore[arg-type]

    played.store.write(write)


def sweep(played: PlayedGateway) -> None:
    """What is done every ten minutes."""
    retention = played.gateway._event_retention  # noqa: SLF001
    for _ in range(2):  # the first may be the end of the run that began with the gateway, at an earlier time
        eventually(lambda: not retention._running)  # noqa: SLF001
        retention.begin()
    eventually(lambda: not retention._running)  # noqa: SLF001


def test_events_are_deleted_after_their_days_and_cursors_before_them_are_reset(
    played: PlayedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_marks, "_AT_ONCE", 3)
    before = page(played)
    tell(played, 10)
    old = page(played)
    sweep(played)
    played.clock.at += 6 * DAY
    tell(played, 2)
    young = page(played, old.next_cursor)
    sweep(played)
    assert len(events(played)) == 12
    played.clock.at += DAY + 2 * HOUR
    sweep(played)
    assert events(played) == young.events
    missed = page(played, before.next_cursor)
    assert (missed.reset, missed.events) == (True, young.events)
    assert not page(played, old.next_cursor).reset
    assert not page(played, young.next_cursor).reset
    played.restart()
    assert [event.id for event in events(played)] == [event.id for event in young.events]


def test_the_newest_event_stays_so_that_no_id_is_used_again(played: PlayedGateway) -> None:
    tell(played, 3)
    last = events(played)[-1]
    sweep(played)
    played.clock.at += 30 * DAY
    sweep(played)
    assert events(played) == [last]
    tell(played)
    assert events(played)[-1].number == last.number + 1


def test_the_eras_of_deleted_events_are_forgotten(played: PlayedGateway) -> None:
    for _ in range(3):
        tell(played)
        played.restart()
    played.clock.at += DAY  # a mark of the start may be too young for another one
    sweep(played)
    before = page(played)
    played.clock.at += 8 * DAY
    tell(played)
    sweep(played)
    # Of the last restore (the beginning), of the place before the oldest event, and of that event.
    assert played.row("SELECT count(*) FROM event_eras")[0] == 3
    found = page(played, before.next_cursor)
    assert not found.reset
    assert len(found.events) == 1
    tell(played)
    assert not page(played, found.next_cursor).reset


def test_no_event_is_deleted_while_the_clock_is_not_trusted(played: PlayedGateway) -> None:
    tell(played, 3)
    sweep(played)
    played.clock.at += 30 * DAY
    played.clock.trusted = False
    sweep(played)
    assert len(events(played)) == 3


def test_events_stamped_by_a_wrong_clock_are_as_old_as_the_others_of_their_time(
    played: PlayedGateway,
) -> None:
    right = played.clock.at
    sweep(played)
    for wrong in (right - 30 * DAY, right + 3000 * DAY):
        played.clock.trusted = False
        played.clock.at = wrong
        tell(played, 2)
    played.clock.trusted = True
    played.clock.at = right
    sweep(played)
    tell(played, 1)
    played.clock.at = right + DAY
    sweep(played)
    assert len(events(played)) == 5
    played.clock.at = right + 9 * DAY
    sweep(played)
    assert len(events(played)) == 1


def test_a_leap_into_the_future_and_back_deletes_later_as_before(played: PlayedGateway) -> None:
    right = played.clock.at
    tell(played, 3)
    played.clock.at = right + 3000 * DAY
    sweep(played)
    played.clock.at = right
    tell(played, 1)
    sweep(played)
    played.clock.at = right + 8 * DAY
    sweep(played)
    assert len(events(played)) == 1
