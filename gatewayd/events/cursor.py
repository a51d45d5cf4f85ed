"""Cursors of `GET /events`: a place in the order of events that stays valid until events are lost."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gatewayd.store.tables.event_eras import Eras

_FORM = re.compile(r"([0-9a-f]{8})-([0-9a-f]{8})-([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place behind an event, given out since the restored backup with the token `restored`."""

    restored: str
    era: str  # of that event
    number: int  # of that event; 0: before all events

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read a cursor. Raises ValueError."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise ValueError("must be the next_cursor of an earlier answer")
        return cls(found[1], found[2], int(found[3]))

    @classmethod
    def at(cls, eras: Eras, number: int) -> Cursor:
        """The cursor behind the event with this number."""
        return cls(eras.restored, eras.token(number), number)

    def __str__(self) -> str:
        return f"{self.restored}-{self.era}-{self.number}"

    def misses_nothing(self, eras: Eras, oldest: int, newest: int) -> bool:
        """Whether all events behind it are kept, and none was lost. `oldest`, `newest`: the events that are kept."""
        return oldest - 1 <= self.number <= newest and self == Cursor.at(eras, self.number)
