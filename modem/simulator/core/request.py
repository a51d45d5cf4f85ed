"""A command line taken apart (V.250, 5.2 to 5.4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from modem.simulator.core.results import INCORRECT_PARAMETERS, CmeError, CommandError

_NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!%-./:_")
_EXTENDED = frozenset("+^*#$%!@")  # V.250 defines + alone; vendors use the others
_DIGITS = frozenset("0123456789")


class Form(Enum):
    """The form of a command."""

    ACTION = "AT+X"
    READ = "AT+X?"
    TEST = "AT+X=?"
    SET = "AT+X=..."


@dataclass(frozen=True, slots=True)
class Request:
    """One command of a line: `+CMGS`, SET, and the unparsed text after `=`."""

    name: str
    form: Form
    raw: str = ""

    def arguments(self) -> list[str]:
        """The parameters between commas, with their quotes; an omitted one is empty."""
        if '"' not in self.raw:
            return self.raw.split(",")
        parts: list[str] = []
        start = 0
        quoted = False
        for at, character in enumerate(self.raw):
            if character == '"':
                quoted = not quoted
            elif character == "," and not quoted:
                parts.append(self.raw[start:at])
                start = at + 1
        parts.append(self.raw[start:])
        return parts


def number(raw: str, values: range, error: CommandError | None = None) -> int:
    """A decimal parameter within `values`; else raises `error` (+CME ERROR: 50 by default)."""
    if raw.isascii() and raw.isdecimal() and int(raw) in values:
        return int(raw)
    raise error or CmeError(INCORRECT_PARAMETERS)


def string(raw: str, error: CommandError | None = None) -> str:
    """A string parameter without its quotes, which must be there; else raises `error`."""
    if len(raw) >= 2 and raw[0] == '"' and raw[-1] == '"':
        return raw[1:-1]
    raise error or CmeError(INCORRECT_PARAMETERS)


def parse(line: str) -> list[Request]:
    """The commands after AT, in order. Raises `CommandError` where the line is no sequence of commands.

    Blanks outside quotes do not count (V.250, 5.4), and letters have no case.
    """
    if " " in line:
        line = _without_blanks(line)
    requests: list[Request] = []
    at = 0
    while at < len(line):
        if line[at] == ";":
            at += 1
        elif line[at] in _EXTENDED:
            request, at = _extended(line, at)
            requests.append(request)
        else:
            request, at = _basic(line, at)
            requests.append(request)
    return requests


def _without_blanks(line: str) -> str:
    pieces = line.split('"')
    pieces[::2] = [piece.replace(" ", "") for piece in pieces[::2]]
    return '"'.join(pieces)


def _extended(line: str, start: int) -> tuple[Request, int]:
    end = start + 1
    upper = line.upper()
    while end < len(line) and upper[end] in _NAME:
        end += 1
    name = upper[start:end]
    stop = _end_of_command(line, end)
    tail = line[end:stop]
    if not tail:
        return Request(name, Form.ACTION), stop
    if tail == "?":
        return Request(name, Form.READ), stop
    if tail == "=?":
        return Request(name, Form.TEST), stop
    if tail[0] == "=":
        return Request(name, Form.SET, tail[1:]), stop
    raise CommandError


def _end_of_command(line: str, start: int) -> int:
    stop = line.find(";", start)
    if stop < 0:
        return len(line)
    quoted = False
    for at in range(start, len(line)):
        if line[at] == '"':
            quoted = not quoted
        elif line[at] == ";" and not quoted:
            return at
    return len(line)


def _basic(line: str, start: int) -> tuple[Request, int]:
    name = line[start].upper()
    at = start + 1
    if name == "D":  # a dial string is the rest of the line (V.250, 6.3.1)
        return Request("D", Form.SET, line[at:]), len(line)
    if name in "&\\" and at < len(line):
        name += line[at].upper()
        at += 1
    if not name[-1].isalpha():
        raise CommandError
    digits = at
    while at < len(line) and line[at] in _DIGITS:
        at += 1
    if name == "S":
        return _register(line, digits, at)
    if digits == at:
        return Request(name, Form.ACTION), at
    return Request(name, Form.SET, line[digits:at]), at


def _register(line: str, digits: int, at: int) -> tuple[Request, int]:
    """`S0=1` and `S0?` (V.250, 5.3.2): the register's number is part of the name."""
    name = "S" + line[digits:at]
    if at < len(line) and line[at] == "?":
        return Request(name, Form.READ), at + 1
    if at >= len(line) or line[at] != "=":
        raise CommandError
    end = at + 1
    while end < len(line) and line[end] in _DIGITS:
        end += 1
    return Request(name, Form.SET, line[at + 1 : end]), end
