"""The newest lines of the daemon's log, which the daemon keeps in memory for the dashboard."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import Final

from gatewayd.escaping import printable

_MOST_CHARACTERS: Final = 1_000_000
"""Of all lines together: some hours of a busy box, and some days of a quiet one."""

_LONGEST_ENTRY: Final = 8000  # a traceback
_OVERHEAD: Final = 100  # characters that an entry costs beside its text

_LEVELS: Final = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
LEVELS: Final = tuple(_LEVELS)
"""The levels by which entries are chosen, each with those above it."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of the log. `at`: microseconds since the epoch."""

    at: int
    level: int
    logger: str
    text: str  # may have several lines

    @property
    def level_name(self) -> str:
        """`info`, `warning` or `error`."""
        return max((number, name) for name, number in _LEVELS.items() if number <= self.level)[1]

    @property
    def size(self) -> int:
        """The characters that count for the limit."""
        return len(self.text) + len(self.logger) + _OVERHEAD


class RecentLog(logging.Handler):
    """Keeps the newest entries. Debug entries are left out, because they may contain texts of messages."""

    def __init__(self, most_characters: int = _MOST_CHARACTERS) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(
            logging.Formatter("%(message)s")
        )  # with the traceback of an exception, if there is one
        self._most = most_characters
        self._entries: deque[LogEntry] = deque()
        self._size = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Keep an entry. Called with the lock of the handler."""
        try:
            text = printable(self.format(record), keep="\n")[:_LONGEST_ENTRY]
        except Exception:  # noqa: BLE001 - as every handler: a wrong log call must not stop its caller
            self.handleError(record)
            return
        entry = LogEntry(int(record.created * 1_000_000), record.levelno, record.name, text)
        self._entries.append(entry)
        self._size += entry.size
        while self._size > self._most:
            self._size -= self._entries.popleft().size

    def newest(self, limit: int, level: str = "info", words: str = "") -> list[LogEntry]:
        """The newest entries first, of this level (one of LEVELS) and above, which contain every word."""
        self.acquire()
        try:
            entries = list(self._entries)
        finally:
            self.release()
        lowest, wanted = _LEVELS.get(level, logging.INFO), words.casefold().split()
        found = list[LogEntry]()
        for entry in reversed(entries):
            text = f"{entry.logger} {entry.text}".casefold() if wanted else ""
            if entry.level >= lowest and all(word in text for word in wanted):
                found.append(entry)
                if len(found) == limit:
                    break
        return found
