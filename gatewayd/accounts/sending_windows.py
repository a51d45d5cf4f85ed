"""Sending windows: the hours in which a company's bulk messages may be sent, in the time zone of the box."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from config.language.text import Text
from gatewayd.store import Transaction
from gatewayd.store.tables import accounts, queue_counts
from gatewayd.timekeeping.clock import SECOND, Calendar, Moment

_DAY = 24 * 60
_FORM = re.compile(r"([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})")


@dataclass(frozen=True, slots=True)
class SendingWindow:
    """From the minute `start` of a day to before the minute `end`; over midnight where `end` is not later."""

    start: int
    end: int

    def is_open(self, minute: int) -> bool:
        """Whether bulk messages may be sent in this minute of the day."""
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


@lru_cache(maxsize=1024)
def read_window(text: str) -> SendingWindow:
    """The window of a text `HH:MM-HH:MM`. Raises ValueError with a text for a person."""
    found = _FORM.fullmatch(text)
    hours = [int(number) for number in found.groups()] if found else []
    if not hours or hours[1] > 59 or hours[3] > 59:
        raise ValueError(Text("a sending window must be HH:MM-HH:MM, as 08:00-20:00 or 20:00-06:00"))
    start, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    if start >= _DAY or end > _DAY or start == end % _DAY:
        raise ValueError(Text("a sending window must begin and end at different times, from 00:00 to 24:00"))
    return SendingWindow(start, end)


def is_closed(window: str, at: Moment, calendar: Calendar) -> bool:
    """Whether bulk messages of a company with this window wait now. They also wait while the clock is not trusted."""
    return not at.trusted or not read_window(window).is_open(calendar.minute(at.now))


def closed(db: Transaction, at: Moment, calendar: Calendar) -> frozenset[int]:
    """The companies whose bulk messages wait now for their sending window."""
    windows = accounts.sending_windows(db)
    return frozenset(company for company, window in windows.items() if is_closed(window, at, calendar))


def waiting_now(db: Transaction, at: Moment, calendar: Calendar) -> dict[int, int]:
    """Queued parts by SIM id, without those that wait for a sending window. On the writing connection."""
    return without_held(db, closed(db, at, calendar))


def without_held(db: Transaction, closed: frozenset[int]) -> dict[int, int]:
    """As `waiting_now`, where the windows of these companies are closed."""
    waiting = queue_counts.waiting(db)
    if closed:
        for sim_id, held in queue_counts.waiting_in_bulk(db, closed).items():
            waiting[sim_id] -= held
    return waiting


def opens_in_s(window: str, at: Moment, calendar: Calendar) -> float:
    """Seconds until a window begins, more than 0."""
    minutes = (read_window(window).start - calendar.minute(at.now)) % _DAY or _DAY
    return minutes * 60 - (at.now % (60 * SECOND)) / SECOND
