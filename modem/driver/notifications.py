"""Having texts announced and reports delivered: +CNMI and +CIEV (27.005, 3.4.1; 27.007, 8.9 and 8.10)."""

from __future__ import annotations

import logging
import re
from time import monotonic
from typing import Final

from modem.at.responses import fields
from modem.driver.commands import BUSY, Commands, code_of

log = logging.getLogger(__name__)

# Ways to have texts announced and reports delivered, the best first (27.005, 3.4.1). Mode 2 keeps URCs while the line
# is reserved, but many Qualcomm, SIMCom, Quectel and Huawei modems only take 1; reports come straight (ds 1) or
# through storage (ds 2); a modem that does neither still announces texts. Texts that come straight (mt 2) are lost
# where this program dies between two lines: only for a modem that cannot store them.
_ANNOUNCED: Final = 1
_STRAIGHT: Final = 2
_INDICATIONS: Final = tuple(
    (mode, texts, broadcast, reports, buffer)
    for texts in (_ANNOUNCED, _STRAIGHT)
    for reports in (1, 2, 0)
    for mode in (2, 1, 3)
    for broadcast in (0, 2)
    for buffer in (0, 1)
)
_STORES_REPORTS: Final = 2  # the <ds> of these
_MT, _DS = 1, 3  # places in +CNMI: how texts and how reports are told
_BEST: Final = (True, True)
_ASK_ABOUT_S: Final = (
    60.0  # between two questions for the indicators: +CIEV also tells each change of the signal
)

# Tried whatever the modem lists: some list nothing, or what they then refuse.
_FALLBACK_INDICATIONS: Final = (
    (2, 1, 0, 1, 0), (1, 1, 0, 1, 0), (2, 1, 0, 2, 0), (1, 1, 0, 2, 0), (2, 1, 0, 0, 0), (1, 1, 0, 0, 0), (2, 1),
    (2, 2, 0, 1, 0), (1, 2, 0, 1, 0), (2, 2, 0, 0, 0), (1, 2, 0, 0, 0), (2, 2),
)  # fmt: skip


class Notifications:
    """What one modem says of its own accord about texts and reports."""

    def __init__(self, commands: Commands) -> None:
        self.form: tuple[int, ...] | None = None  # what AT+CNMI took
        self.may_do_better = True  # the modem may take a form that announces more, once it is ready
        self._commands = commands
        self._in_force: tuple[int, ...] = ()  # what AT+CNMI? said last; () where it says nothing
        self._about_texts: frozenset[str] | None = None  # indicators; None: not known yet
        self._ask_about_at = 0.0

    @property
    def stores_reports(self) -> bool:
        """Whether reports are stored and announced, rather than told straight."""
        return self.form is not None and self.form[3:4] == (_STORES_REPORTS,)

    @property
    def announces_texts(self) -> bool:
        """Whether some <mt> is in force."""
        return _value(self._in_force or self.form, _MT) > 0

    @property
    def announces_reports(self) -> bool:
        """Whether some <ds> is in force."""
        return _value(self._in_force or self.form, _DS) > 0

    def choose(self) -> None:
        """Take the first form of +CNMI that the modem says OK to: what it lists and what it takes may differ.

        A form that the modem takes and does not put in force, as AT+CNMI? shows, counts as refused.
        """
        listed = self._commands.attempt("AT+CNMI=?", "+CNMI")
        allowed = ranges(listed.lines[0]) if listed.lines else []
        fitting = [
            form
            for form in _INDICATIONS
            if allowed
            and all(value in allowed[place] for place, value in enumerate(form) if place < len(allowed))
        ]
        announced, straight = (
            [form for form in (*fitting, *_FALLBACK_INDICATIONS) if form[1] == texts]
            for texts in (_ANNOUNCED, _STRAIGHT)
        )
        best = max((_worth(form) for form in fitting), default=_BEST)
        self.form, self._in_force, self.may_do_better = None, (), True
        for form in dict.fromkeys((*announced, *straight)):
            answer = self._commands.attempt("AT+CNMI=" + ",".join(map(str, form)))
            if answer.ok and self._has(form):
                self.form = form
                self.may_do_better = _worth(form) < best
                return
            if self._commands.mute or code_of(answer.result) in BUSY:
                break
        log.warning(
            "%s announces neither texts nor reports (AT+CNMI); its memory is read now and then",
            self._commands.name,
        )

    def hold(self) -> bool:
        """Whether the form is still in force. It is said again where the modem cannot be asked (AT+CNMI?)."""
        if self.form is None:
            return True  # there is nothing to lose
        told = self._read()
        if not told:
            return self._commands.attempt("AT+CNMI=" + ",".join(map(str, self.form))).ok
        return _agrees(told, self.form)

    def _has(self, form: tuple[int, ...]) -> bool:
        """Whether AT+CNMI? shows a form that the modem just took, or nothing at all."""
        told = self._read()
        return not told or _agrees(told, form)

    def _read(self) -> tuple[int, ...]:
        answer = self._commands.attempt("AT+CNMI?", "+CNMI")
        values = fields(answer.lines[0]) if answer.lines else []
        told = tuple(int(value) for value in values if value.isdecimal() and len(value) < 3)
        self._in_force = told if len(told) == len(values) and len(told) > _MT else ()
        return self._in_force

    def about_texts(self) -> frozenset[str]:
        """The indicators of +CIEV, by name and number, that speak of texts or of a full memory (27.007, 8.9 and 8.10).

        Without an answer to AT+CIND=? they are known by name alone, and the modem is asked again later.
        """
        if self._about_texts is None and monotonic() >= self._ask_about_at:
            self._ask_about_at = monotonic() + _ASK_ABOUT_S
            answer = self._commands.attempt("AT+CIND=?", "+CIND")
            names = re.findall(r'\(\s*(?:"([^"]*)"|([A-Za-z][^,"()]*?))\s*,', " ".join(answer.lines))
            if names:
                numbers = {
                    str(n) for n, (quoted, bare) in enumerate(names, 1) if is_about_texts(quoted or bare)
                }
                self._about_texts = frozenset(numbers)
        return self._about_texts or frozenset()


def is_about_texts(name: str) -> bool:
    """Whether an indicator of +CIEV speaks of texts or of a full memory, as vendors name them."""
    letters = "".join(char for char in name.lower() if char.isalpha())
    return "message" in letters or letters.startswith(("sms", "msg")) or letters.endswith("sms")


def _value(form: tuple[int, ...] | None, place: int) -> int:
    return form[place] if form is not None and len(form) > place else 0


def _worth(form: tuple[int, ...]) -> tuple[bool, bool]:
    """What a form is worth: texts that are stored and announced come before reports."""
    return _value(form, _MT) == _ANNOUNCED, _value(form, _DS) > 0


def _agrees(told: tuple[int, ...], form: tuple[int, ...]) -> bool:
    """Whether what is in force announces what the form does. <mode> 0 keeps it in the modem."""
    places = [place for place in (_MT, _DS) if place < min(len(told), len(form))]
    return told[0] != 0 and all(told[place] == form[place] for place in places)


def ranges(line: str) -> list[frozenset[int]]:
    """The values that a test command lists: `(0-2),(0,1)` gives {0, 1, 2} and {0, 1}."""
    groups: list[frozenset[int]] = []
    for group in re.findall(r"\(([^()]*)\)", line):
        values: set[int] = set()
        for part in group.split(","):
            low, _, high = part.strip().partition("-")
            if low.isdecimal() and len(low) < 3:
                values.update(range(int(low), int(high if high.isdecimal() and len(high) < 3 else low) + 1))
        groups.append(frozenset(values))
    return groups
