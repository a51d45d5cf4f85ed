"""Passes the transcript of a port to a watcher in another thread, without ever delaying the port."""

from __future__ import annotations

from collections.abc import Iterable
from queue import Empty, SimpleQueue
from typing import Final

from modem.at.transcript_lines import Direction, Line

# Lines that may wait: ten seconds of a modem that lists its memory at 115200 baud.
_ROOM: Final = 1000


class Watcher:
    """A queue of lines from a port's thread to a watcher in another thread.

    `put`, `put_kept` and `end` are for the port's thread. It never waits: lines are lost where the queue is full, and a
    note with their number precedes the next line.
    """

    def __init__(self, room: int = _ROOM) -> None:
        self._room = room
        self._lines: SimpleQueue[Line | None] = SimpleQueue()
        self._lost = 0

    def put(self, line: Line) -> None:
        """Add one line, or lose it where the queue is full."""
        if self._lines.qsize() >= self._room:
            self._lost += 1
            return
        if self._lost:
            self._lines.put(
                Line(line.at, Direction.NOTE, f"{self._lost} lines are left out: too slow to show them")
            )
            self._lost = 0
        self._lines.put(line)

    def put_kept(self, lines: Iterable[Line]) -> None:
        """Add the older lines of the transcript, without a limit."""
        for line in lines:
            self._lines.put(line)

    def end(self) -> None:
        """End the queue."""
        self._lines.put(None)

    def take(self, timeout_s: float) -> tuple[list[Line], bool]:
        """The new lines, after up to `timeout_s` of waiting, and whether more may come."""
        lines: list[Line] = []
        try:
            line = self._lines.get(timeout=timeout_s)
            while line is not None:
                lines.append(line)
                line = self._lines.get_nowait()
        except Empty:
            return lines, True
        return lines, False
