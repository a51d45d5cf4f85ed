"""The lines of a transcript: recorded bytes in, printable and masked text out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from modem.at.framer import MAX_LINE
from modem.at.redaction import Mask

_CONTROLS_SHOWN: Final = 8  # in a row; more of them add nothing

_CONTROL: Final = re.compile(r"([\x00-\x1f\x7f]+)")
_LINE: Final = re.compile(r"[\x00-\x1f\x7f]*[^\x00-\x1f\x7f][^\r\n]*(?:\r\n|\r|\n)")
_CONTROLS: Final = "".join(map(chr, (*range(0x20), 0x7F)))
_NAMES: Final = {"\r": r"\r", "\n": r"\n", "\t": r"\t", "\x1a": "^Z", "\x1b": "ESC"}


class Direction(Enum):
    """The direction of a line."""

    TO_MODEM = ">"
    FROM_MODEM = "<"
    NOTE = "-"  # an event of the port


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a transcript, masked and printable. `at`: seconds since the epoch, by the present clock."""

    at: float
    direction: Direction
    text: str

    def __str__(self) -> str:
        moment = datetime.fromtimestamp(self.at, UTC).astimezone()
        return (
            f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d} {self.direction.value} {self.text}"
        )


Entry = tuple[Direction, float, bytes]  # direction, moment (monotonic seconds), bytes


class Reader:
    """Turns entries into lines: joins the pieces of a line, masks it, and shows control characters."""

    def __init__(self) -> None:
        self._mask = Mask()
        self._begun = ""  # an unfinished line from the modem
        self._heard_at = 0.0

    def read(self, entry: Entry, clock: float) -> list[Line]:
        """The lines that an entry completes. `clock`: wall-clock time minus monotonic time."""
        direction, at, data = entry
        if direction is Direction.NOTE:
            return [Line(at + clock, direction, data.decode())]
        if direction is Direction.TO_MODEM:
            return [Line(at + clock, direction, self._sent(data.decode("latin-1")))]
        return [Line(at + clock, direction, text) for text in self._received(at, data)]

    def rest(self, clock: float) -> list[Line]:
        """The unfinished line, as its length."""
        if not self._begun.strip():
            return []
        text = f"({len(self._begun)} characters without a line end)"
        return [Line(self._heard_at + clock, Direction.FROM_MODEM, text)]

    def _sent(self, text: str) -> str:
        """One command: the gateway writes whole commands, so there are no pieces to join."""
        pieces = _CONTROL.split(text)
        return "".join(
            _controls(piece) if place % 2 else _printable(self._mask.sent(piece)) if piece else ""
            for place, piece in enumerate(pieces)
        )

    def _received(self, at: float, data: bytes) -> list[str]:
        text = self._begun + data.decode("latin-1")
        shown: list[str] = []
        end = 0
        while found := _LINE.match(text, end):
            shown.append(self._line(found[0]))
            end = found.end()
        text = text[end:]
        # A prompt has no line end; noise may have none.
        if text.strip(" \t\r\n\x00\xff") == ">" or len(text) > MAX_LINE:
            shown.append(self._line(text))
            text = ""
        self._begun, self._heard_at = text, at
        return shown

    def _line(self, line: str) -> str:
        inner = line.lstrip(_CONTROLS)
        before, inner = line[: len(line) - len(inner)], inner.rstrip(_CONTROLS)
        after = line[len(before) + len(inner) :]
        clean = _CONTROL.sub("", inner).strip(" \t\xff")  # as the framer reads it
        shown = _printable(self._mask.received(clean)) if clean else ""
        return _controls(before) + shown + _controls(after)


def _controls(text: str) -> str:
    more = len(text) - _CONTROLS_SHOWN
    shown = "".join(_NAMES.get(char, f"\\x{ord(char):02x}") for char in text[:_CONTROLS_SHOWN])
    return shown if more <= 0 else f"{shown}(and {more} more)"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
