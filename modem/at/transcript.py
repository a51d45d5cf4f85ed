"""What the gateway and a modem said to each other lately: kept as bytes, made readable when somebody reads it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from queue import Empty, SimpleQueue
from time import monotonic, time
from typing import Final

from modem.at.framer import MAX_LINE
from modem.at.redaction import Mask

_BYTES_A_LINE: Final = 512  # on average; a PDU has 352. What is shown never takes more, noise or not
_ENDS_A_LINE: Final = 2  # a modem sets two for each line
_OVERHEAD: Final = 120  # octets that an entry takes beside its bytes
_ROOM: Final = (
    1000  # lines that may wait for a watcher: ten seconds of a modem that lists its memory at 115200 baud
)
_CONTROLS_SHOWN: Final = 8  # of a row; more of them say nothing more

_CONTROL: Final = re.compile(r"([\x00-\x1f\x7f]+)")
_LINE: Final = re.compile(r"[\x00-\x1f\x7f]*[^\x00-\x1f\x7f][^\r\n]*(?:\r\n|\r|\n)")
_CONTROLS: Final = "".join(map(chr, (*range(0x20), 0x7F)))
_NAMES: Final = {"\r": r"\r", "\n": r"\n", "\t": r"\t", "\x1a": "^Z", "\x1b": "ESC"}


class Direction(Enum):
    """Who says it."""

    TO_MODEM = ">"
    FROM_MODEM = "<"
    NOTE = "-"  # nobody: something happened to the port


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a conversation, masked and printable. `at`: seconds since the epoch, by today's clock."""

    at: float
    direction: Direction
    text: str

    def __str__(self) -> str:
        moment = datetime.fromtimestamp(self.at, UTC).astimezone()
        return (
            f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d} {self.direction.value} {self.text}"
        )


class Watcher:
    """A queue of lines from a port's thread to whoever watches, in another one.

    `put`, `put_kept` and `end` are for the port's thread. It never waits: where the queue is full, lines are lost, and
    the next that finds room is preceded by a note that says how many.
    """

    def __init__(self, room: int = _ROOM) -> None:
        self._room = room
        self._lines: SimpleQueue[Line | None] = SimpleQueue()
        self._lost = 0

    def put(self, line: Line) -> None:
        """Pass one line on, or lose it."""
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
        """Begin with what was said before, however much it is."""
        for line in lines:
            self._lines.put(line)

    def end(self) -> None:
        """Nothing more will come."""
        self._lines.put(None)

    def take(self, timeout_s: float) -> tuple[list[Line], bool]:
        """What has come, waiting up to `timeout_s` for it; and whether more may come."""
        lines: list[Line] = []
        try:
            line = self._lines.get(timeout=timeout_s)
            while line is not None:
                lines.append(line)
                line = self._lines.get_nowait()
        except Empty:
            return lines, True
        return lines, False


_Entry = tuple[Direction, float, bytes]  # who, when (monotonic seconds), what


class Transcript:
    """The last `lines` lines of one port, and those who watch it. Used from the port's thread."""

    def __init__(self, lines: int) -> None:
        self._limit = lines
        self._entries: deque[_Entry] = deque(maxlen=_ENDS_A_LINE * lines)
        self._told_until = 0.0
        self._watchers: list[Watcher] = []
        self._live: _Reader | None = None  # while somebody watches

    def sent(self, data: bytes) -> None:
        """Take note of bytes for the modem."""
        self._keep(Direction.TO_MODEM, data)

    def heard(self, data: bytes) -> None:
        """Take note of bytes from the modem."""
        self._keep(Direction.FROM_MODEM, data)

    def note(self, text: str) -> None:
        """Take note of what happened to the port."""
        self._keep(Direction.NOTE, text.encode())

    def lines(self, after: float = 0.0) -> list[Line]:
        """What is kept, the oldest first; only what was said `after` this time (monotonic seconds)."""
        reader = _Reader()
        return [*self._read(reader, after), *reader.rest(time() - monotonic())]

    def effects(self) -> list[Line]:
        """What is kept and was not told by this method before."""
        found = self.lines(self._told_until)
        self._told_until = monotonic()
        return found

    def watch(self, watcher: Watcher) -> None:
        """Let somebody watch, beginning with what is kept."""
        reader = _Reader()
        watcher.put_kept(self._read(reader))
        if self._live is None:
            self._live = reader
        self._watchers.append(watcher)

    def leave(self, watcher: Watcher) -> None:
        """Somebody watches no more."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)
        if not self._watchers:
            self._live = None

    def end(self) -> None:
        """The port has ended: tell whoever watches."""
        for watcher in self._watchers:
            watcher.end()
        self._watchers.clear()
        self._live = None

    def _keep(self, direction: Direction, data: bytes) -> None:
        entry = (direction, monotonic(), data)
        self._entries.append(entry)
        if len(data) > _BYTES_A_LINE:  # else it is soon enough when somebody reads
            self._trim()
        if self._live is not None:
            clock = time() - monotonic()
            for line in self._live.read(entry, clock):
                for watcher in self._watchers:
                    watcher.put(line)

    def _trim(self) -> None:
        """Throw away the oldest entries, as far as newer ones take the room."""
        kept = ends = octets = 0
        for _, _, data in reversed(self._entries):
            ends += data.count(b"\r") or 1
            octets += len(data) + _OVERHEAD
            if ends > _ENDS_A_LINE * self._limit or octets > _BYTES_A_LINE * self._limit:
                break
            kept += 1
        while len(self._entries) > kept:
            self._entries.popleft()

    def _read(self, reader: _Reader, after: float = 0.0) -> list[Line]:
        self._trim()
        clock = time() - monotonic()
        lines = [line for entry in self._entries for line in reader.read(entry, clock) if entry[1] > after]
        return lines[-self._limit :] if self._limit else []


class _Reader:
    """Makes lines of entries: puts together what came in pieces, masks it, and shows control characters."""

    def __init__(self) -> None:
        self._mask = Mask()
        self._begun = ""  # of a line from the modem
        self._heard_at = 0.0

    def read(self, entry: _Entry, clock: float) -> list[Line]:
        """The lines that an entry completes. `clock`: what makes wall-clock time of its monotonic one."""
        direction, at, data = entry
        if direction is Direction.NOTE:
            return [Line(at + clock, direction, data.decode())]
        if direction is Direction.TO_MODEM:
            return [Line(at + clock, direction, self._sent(data.decode("latin-1")))]
        return [Line(at + clock, direction, text) for text in self._heard(at, data)]

    def rest(self, clock: float) -> list[Line]:
        """The line that has begun and not ended."""
        if not self._begun.strip():
            return []
        text = f"({len(self._begun)} characters without a line end)"
        return [Line(self._heard_at + clock, Direction.FROM_MODEM, text)]

    def _sent(self, text: str) -> str:
        """The gateway writes whole commands: nothing is to be put together."""
        pieces = _CONTROL.split(text)
        return "".join(
            _controls(piece) if place % 2 else _printable(self._mask.sent(piece)) if piece else ""
            for place, piece in enumerate(pieces)
        )

    def _heard(self, at: float, data: bytes) -> list[str]:
        text = self._begun + data.decode("latin-1")
        shown: list[str] = []
        end = 0
        while found := _LINE.match(text, end):
            shown.append(self._line(found[0]))
            end = found.end()
        text = text[end:]
        if (
            text.strip(" \t\r\n\x00\xff") == ">" or len(text) > MAX_LINE
        ):  # a prompt has no end, and noise neither
            shown.append(self._line(text))
            text = ""
        self._begun, self._heard_at = text, at
        return shown

    def _line(self, line: str) -> str:
        inner = line.lstrip(_CONTROLS)
        before, inner = line[: len(line) - len(inner)], inner.rstrip(_CONTROLS)
        after = line[len(before) + len(inner) :]
        clean = _CONTROL.sub("", inner).strip(" \t\xff")  # as the framer reads it
        shown = _printable(self._mask.heard(clean)) if clean else ""
        return _controls(before) + shown + _controls(after)


def _controls(text: str) -> str:
    more = len(text) - _CONTROLS_SHOWN
    shown = "".join(_NAMES.get(char, f"\\x{ord(char):02x}") for char in text[:_CONTROLS_SHOWN])
    return shown if more <= 0 else f"{shown}(and {more} more)"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
