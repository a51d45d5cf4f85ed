"""Whether an answer belongs to its command: by the form of answers, and by the earlier answers of one modem. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from modem.at.responses import Result, answers, tag
from modem.errors import Cause

# The answers to these have the tag of a URC, so such a line without a command is no stray answer.
_ALSO_UNSOLICITED: Final = frozenset(
    {"+CREG", "+CGREG", "+CEREG", "+C5GREG", "+CPIN", "+CUSD", "+CSQ", "+CESQ", "+CFUN", "+CCWA", "+CLIP", "+CMGS", "+CMSS"}
)  # fmt: skip

# Questions with parameters. Asking them twice changes nothing.
_ASKS_WITH_PARAMETERS: Final = ("+CMGR", "+CMGL", "+CRSM", "+CPINR", "+QPINC")

# Questions to which a bare OK is a full answer: an empty place, an empty memory, a SIM without a number.
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
    """A command without its values: `+CREG?`, `+CPMS=?`, `+CMGR=`, `+CSQ`."""
    text = command[2:].upper()
    name, equals, values = text.partition("=")
    return f"{name}{equals}{'?' if values == '?' else ''}"


def asks(command: str, prefixes: Sequence[str], *, bare: bool) -> bool:
    """Whether a command only asks, so that it can be sent again without harm."""
    if command.endswith("?"):
        return True
    if "=" in command:
        return head(command).removesuffix("=") in _ASKS_WITH_PARAMETERS
    return bool(prefixes) or bare


def may_be_empty(command: str) -> bool:
    """Whether a bare OK is a full answer to a question."""
    return _name(command) in _MAY_BE_EMPTY


def fits(command: str, lines: Sequence[str]) -> bool:
    """Whether information lines have the form of the answer to this question; True where no form is known.

    This distinguishes bare answers: a name is no number, and an IMSI (15 digits) is no ICCID (17 to 20).
    """
    name = _name(command)
    if not lines or command.endswith("=?"):
        return True
    if name in _NAMES:
        return len(lines) == 1 and not _NUMBER.fullmatch(lines[0].strip('" '))
    form = _NUMBERS.get(name)
    return form is None or any(form.search(line) for line in lines)


def _name(command: str) -> str:
    return head(command).rstrip("=?")


@dataclass(frozen=True, slots=True)
class Response:
    """The information lines of an answer, and its final result."""

    lines: tuple[str, ...]
    result: Result
    strays: bool = False  # lines of another answer came with it
    spare: bool = False  # lines of an answer came after the final result

    @property
    def ok(self) -> bool:
        """Whether the command succeeded."""
        return self.result.ok

    @property
    def cause(self) -> Cause:
        """The meaning of a failure by the standards alone, without the vendor's tables."""
        return self.result.cause()


class AnswerHabits:
    """The earlier answers of one modem. An odd answer that comes each time is normal for this modem."""

    def __init__(self) -> None:
        self._tags: set[str] = set()  # of answers, without those of URCs
        self._told: set[str] = set()  # questions with an answer of information lines
        self._peculiar: set[str] = set()  # questions with an answer in another form
        self._refused: set[str] = set()  # questions with a refusal
        self._head = ""  # of the last command
        self._prefixes: tuple[str, ...] = ()  # of its answer
        self._lines: tuple[str, ...] = ()  # of its answer

    def is_odd(self, question: str, answer: Response) -> bool:
        """Whether this may be the answer to another command: then the question must be asked again."""
        name = head(question)
        if not answer.ok:
            unheard_of = answer.spare and name not in self._refused
            return unheard_of or (name in self._told and not may_be_empty(question))
        if not answer.lines:
            return answer.strays or not (name in self._peculiar or may_be_empty(question))
        if name in self._peculiar:
            return False
        bare = not any(":" in line for line in answer.lines)
        repeated = bare and name != self._head and answer.lines == self._lines
        return repeated or not fits(question, answer.lines)

    def learn(self, question: str, answer: Response) -> None:
        """Record the answer to a question."""
        told = answer.ok and bool(answer.lines) and fits(question, answer.lines)
        for heads, belongs in (
            (self._told, told),
            (self._peculiar, answer.ok and not told),
            (self._refused, not answer.ok),
        ):
            (heads.add if belongs else heads.discard)(head(question))

    def remember(self, command: str, prefixes: tuple[str, ...], lines: tuple[str, ...]) -> None:
        """Record the last command and its answer, which must not count for the next command too."""
        self._tags.update(prefix for prefix in prefixes if prefix not in _ALSO_UNSOLICITED)
        self._head, self._prefixes, self._lines = head(command), prefixes, lines

    def has_told(self, question: str) -> bool:
        """Whether the last answer to a question had information lines."""
        return head(question) in self._told

    def refuses(self, question: str) -> bool:
        """Whether the last answer to a question was a refusal."""
        return head(question) in self._refused

    def answers_another(self, line: str) -> bool:
        """Whether a line that does not answer the running command looks like the answer to an earlier one.

        A tag that URCs have too counts only where the last command's answer has it.
        """
        return self.is_answer(line) or answers(line, self._prefixes)

    def is_answer(self, line: str) -> bool:
        """Whether a line can only be the answer to a command."""
        return tag(line) in self._tags
