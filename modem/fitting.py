"""Whether an answer fits the command that was said: the forms that answers of known commands have. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

# Answers of these begin with a tag, and the same tag begins unsolicited lines: one that comes unasked is no stray answer.
_ALSO_UNSOLICITED: Final = frozenset(
    {"+CREG", "+CGREG", "+CEREG", "+C5GREG", "+CPIN", "+CUSD", "+CSQ", "+CESQ", "+CFUN", "+CCWA", "+CLIP", "+CMGS", "+CMSS"}
)  # fmt: skip

# Questions that are said with parameters. To ask them twice changes nothing.
_ASKS_WITH_PARAMETERS: Final = ("+CMGR", "+CMGL", "+CRSM", "+CPINR", "+QPINC")

# Questions to which a bare OK is a full answer: an empty place, an empty memory, a card without a number.
_MAY_BE_EMPTY: Final = ("+CMGR", "+CMGL", "+CNUM", "+CLCC")

_NUMBER: Final = re.compile(r"[0-9A-Fa-f]{14,}")
_ICCID: Final = re.compile(r"[0-9A-Fa-f]{17,}")
_DIGITS_14_TO_16: Final = re.compile(r"(?<![0-9])[0-9]{14,16}(?![0-9])")
_DIGITS_14_TO_15: Final = re.compile(r"(?<![0-9])[0-9]{14,15}(?![0-9])")

_NAMES: Final = frozenset({"+CGMI", "+CGMM", "+GMI", "+GMM"})
_NUMBERS: Final = {
    "+CGSN": _DIGITS_14_TO_16,
    "+CIMI": _DIGITS_14_TO_15,
    **dict.fromkeys(
        ("+CCID", "+ICCID", "^ICCID", "+QCCID", "#CCID", "+CICCID", "+ZGETICCID", "!ICCID"), _ICCID
    ),
}


def head(command: str) -> str:
    """A command without the values that it sets: `+CREG?`, `+CPMS=?`, `+CMGR=`, `+CSQ`."""
    text = command[2:].upper()
    name, equals, values = text.partition("=")
    return f"{name}{equals}{'?' if values == '?' else ''}"


def asks(command: str, prefixes: Sequence[str], *, bare: bool) -> bool:
    """Whether a command only asks, so that it can be said again without harm."""
    if command.endswith("?"):
        return True
    if "=" in command:
        return head(command).removesuffix("=") in _ASKS_WITH_PARAMETERS
    return bool(prefixes) or bare


def may_be_empty(command: str) -> bool:
    """Whether a bare OK is a full answer to a question."""
    return _name(command) in _MAY_BE_EMPTY


def fits(command: str, lines: Sequence[str]) -> bool:
    """Whether information lines have the form that the answer to this question has; True where no form is known.

    It tells the bare answers apart: a name is not a number, an IMSI (15 digits) not an ICCID (17 to 20).
    """
    name = _name(command)
    if not lines or command.endswith("=?"):
        return True
    if name in _NAMES:
        return len(lines) == 1 and not _NUMBER.fullmatch(lines[0].strip('" '))
    form = _NUMBERS.get(name)
    return form is None or any(form.search(line) for line in lines)


def is_answers(tag: str) -> bool:
    """Whether a tag that answers begin with begins no unsolicited line."""
    return tag not in _ALSO_UNSOLICITED


def _name(command: str) -> str:
    return head(command).rstrip("=?")
