"""Notifications of messages and delivery of status reports: +CNMI and +CIEV (27.005, 3.4.1; 27.007, 8.9 and 8.10)."""

from __future__ import annotations

import logging
from time import monotonic
from typing import Final

from modem.driver import parsers
from modem.driver.commands import Commands
from modem.timeouts import INDICATORS_S

log = logging.getLogger(__name__)

# Forms of +CNMI, the best first (27.005, 3.4.1). Mode 2 keeps URCs while the line is reserved, but many Qualcomm,
# SIMCom, Quectel and Huawei modems only accept 1. Status reports come directly (ds 1) or through storage (ds 2); a
# modem that does neither still announces messages. Messages that come directly (mt 2) are lost where this program
# stops between two lines: this is only for a modem that cannot store them.
_ANNOUNCED: Final = 1
_DIRECT: Final = 2
_INDICATIONS: Final = tuple(
    (mode, texts, broadcast, reports, buffer)
    for texts in (_ANNOUNCED, _DIRECT)
    for reports in (1, 2, 0)
    for mode in (2, 1, 3)
    for broadcast in (0, 2)
    for buffer in (0, 1)
)
_STORES_REPORTS: Final = 2  # <ds>
_MT, _DS = 1, 3  # places in +CNMI: the notification of messages and of status reports
_BEST: Final = (True, True)

# Tried whatever the modem lists: some modems list nothing, or list a form that they then refuse.
_FALLBACK_INDICATIONS: Final = (
    (2, 1, 0, 1, 0), (1, 1, 0, 1, 0), (2, 1, 0, 2, 0), (1, 1, 0, 2, 0), (2, 1, 0, 0, 0), (1, 1, 0, 0, 0), (2, 1),
    (2, 2, 0, 1, 0), (1, 2, 0, 1, 0), (2, 2, 0, 0, 0), (1, 2, 0, 0, 0), (2, 2),
)  # fmt: skip


class Notifications:
    """The notification settings of one modem."""

    def __init__(self, commands: Commands) -> None:
        self.form: tuple[int, ...] | None = None  # the values that AT+CNMI accepted
        self.may_do_better = True  # the modem may accept a form that announces more, once it is ready
        self._commands = commands
        self._in_force: tuple[int, ...] = ()  # the last answer to AT+CNMI?; () without one
        self._about_texts: frozenset[str] | None = None  # indicators; None: not known yet
        self._ask_about_at = 0.0

    @property
    def stores_reports(self) -> bool:
        """Whether status reports are stored and announced, rather than delivered directly."""
        return self.form is not None and self.form[3:4] == (_STORES_REPORTS,)

    @property
    def announces_texts(self) -> bool:
        """Whether an <mt> other than 0 is in force."""
        return _value(self._in_force or self.form, _MT) > 0

    @property
    def announces_reports(self) -> bool:
        """Whether a <ds> other than 0 is in force."""
        return _value(self._in_force or self.form, _DS) > 0

    def choose(self) -> None:
        """Set the first form of +CNMI that the modem accepts: the forms that it lists and accepts may differ.

        A form that the modem accepts and does not put in force, as AT+CNMI? shows, counts as refused.
        """
        listed = self._commands.attempt("AT+CNMI=?", "+CNMI")
        allowed = parsers.ranges(listed.lines[0]) if listed.lines else []
        fitting = [
            form
            for form in _INDICATIONS
            if allowed
            and all(value in allowed[place] for place, value in enumerate(form) if place < len(allowed))
        ]
        announced, direct = (
            [form for form in (*fitting, *_FALLBACK_INDICATIONS) if form[1] == texts]
            for texts in (_ANNOUNCED, _DIRECT)
        )
        best = max((_worth(form) for form in fitting), default=_BEST)
        self.form, self._in_force, self.may_do_better = None, (), True
        for form in dict.fromkeys((*announced, *direct)):
            answer = self._commands.attempt("AT+CNMI=" + ",".join(map(str, form)))
            if answer.ok and self._has(form):
                self.form = form
                self.may_do_better = _worth(form) < best
                return
            if self._commands.mute or answer.cause.busy:
                break
        log.warning(
            "%s announces neither texts nor reports (AT+CNMI); its memory is read now and then",
            self._commands.name,
        )

    def hold(self) -> bool:
        """Whether the form is still in force. It is set again where the modem does not answer AT+CNMI?."""
        if self.form is None:
            return True  # there is nothing to lose
        told = self._read()
        if not told:
            return self._commands.attempt("AT+CNMI=" + ",".join(map(str, self.form))).ok
        return _agrees(told, self.form)

    def _has(self, form: tuple[int, ...]) -> bool:
        """Whether AT+CNMI? shows a form that the modem just accepted, or nothing at all."""
        told = self._read()
        return not told or _agrees(told, form)

    def _read(self) -> tuple[int, ...]:
        self._in_force = parsers.notification_setting(self._commands.attempt("AT+CNMI?", "+CNMI").lines)
        return self._in_force

    def about_texts(self) -> frozenset[str]:
        """The numbers of the +CIEV indicators for messages or a full memory (27.007, 8.9 and 8.10).

        Empty without an answer to AT+CIND=?: then `is_about_texts` works by name, and the modem is asked again later.
        """
        if self._about_texts is None and monotonic() >= self._ask_about_at:
            self._ask_about_at = monotonic() + INDICATORS_S
            names = parsers.indicator_names(self._commands.attempt("AT+CIND=?", "+CIND").lines)
            if names:
                self._about_texts = frozenset(
                    str(number) for number, name in enumerate(names, 1) if is_about_texts(name)
                )
        return self._about_texts or frozenset()


def is_about_texts(name: str) -> bool:
    """Whether an indicator of +CIEV is for messages or a full memory, by the names that vendors use."""
    letters = "".join(char for char in name.lower() if char.isalpha())
    return "message" in letters or letters.startswith(("sms", "msg")) or letters.endswith("sms")


def _value(form: tuple[int, ...] | None, place: int) -> int:
    return form[place] if form is not None and len(form) > place else 0


def _worth(form: tuple[int, ...]) -> tuple[bool, bool]:
    """The rank of a form: stored and announced messages count before status reports."""
    return _value(form, _MT) == _ANNOUNCED, _value(form, _DS) > 0


def _agrees(told: tuple[int, ...], form: tuple[int, ...]) -> bool:
    """Whether the values in force announce as much as the form does. With <mode> 0 the modem keeps its URCs."""
    places = [place for place in (_MT, _DS) if place < min(len(told), len(form))]
    return told[0] != 0 and all(told[place] == form[place] for place in places)
