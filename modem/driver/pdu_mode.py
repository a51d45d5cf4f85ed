"""PDU mode of one modem (27.005, 3.2.3): set, read back, and checked before each PDU is sent.

In text mode the modem takes the length in `AT+CMGS=29` for a recipient, and sends the PDU there as a text.
"""

from __future__ import annotations

import logging
from enum import Enum
from time import monotonic
from typing import Final

from modem.at.answer_check import Response
from modem.driver import parsers
from modem.driver.commands import Commands

log = logging.getLogger(__name__)

_TRIES: Final = 3  # an answer may be lost on the line


class ReportedMode(Enum):
    """The answer to AT+CMGF?."""

    PDU = "pdu"
    TEXT = "text"
    NOTHING = "nothing"  # refused, or not answered


class PduMode:
    """Whether one modem is in PDU mode, as far as that is known."""

    def __init__(self, commands: Commands) -> None:
        self.confirmed = False  # the modem last answered that it is in PDU mode
        self.fallbacks = 0  # times that the modem was in text mode after PDU mode had been confirmed
        # Monotonic seconds: since then the modem has been in text mode despite AT+CMGF=0.
        self.text_since: float | None = None
        self._commands = commands
        self._only = False  # the modem has only PDU mode, and so perhaps not the command
        self._answers_query = True  # the modem answers AT+CMGF?
        self._unknown = False  # the modem does not know any form of the command

    @property
    def is_reported(self) -> bool:
        """Whether AT+CMGF? itself answered PDU mode, rather than OK to the command that sets it."""
        return self.confirmed and self._answers_query

    def forget(self) -> None:
        """Forget the mode: the modem was restarted, or may have been."""
        self.confirmed = self._only = False
        self._answers_query = True

    def set(self, *, patient: bool = False) -> bool:
        """Set PDU mode and read it back. Whether the modem confirms it. `patient`: wait for a SIM that is busy."""
        send = self._commands.patiently if patient else self._commands.attempt
        silences = self._commands.total_silences
        for _ in range(_TRIES):
            answer = send("AT+CMGF=0")
            if answer.ok or not answer.cause.unknown_command:
                break
        mode = self._read()
        if mode is ReportedMode.NOTHING and not answer.ok and not self._commands.mute:
            mode = self._read_test()
        if mode is ReportedMode.NOTHING and answer.ok:
            mode = ReportedMode.PDU
            self._answers_query = False  # from now on PDU mode is set again instead of read
        self._note(mode)
        if mode is ReportedMode.NOTHING:
            answered = self._commands.total_silences == silences
            self._unknown = answered and answer.cause.unknown_command
        return self.confirmed

    def ensure(self) -> bool:
        """Read the mode, and set PDU mode where the modem fell back. Whether the modem is in PDU mode now."""
        if self._only:
            return True
        if self._answers_query and self._read() is ReportedMode.PDU:
            self._note(ReportedMode.PDU)
            return True
        return self.set()

    def restore(self, *, certain: bool) -> bool:
        """Do as `ensure`, after an answer that looks like text mode. `certain`: no modem in PDU mode answers so."""
        before = self.fallbacks
        held = self.ensure()
        if certain and held and not self._answers_query and self.fallbacks == before:
            self._fell_back()
        return held

    def accept(self) -> bool:
        """Take PDU mode as given on a modem that has been ready for a while and does not know AT+CMGF."""
        if self._unknown and not self.confirmed:
            log.warning("%s does not know AT+CMGF: PDU mode is taken as its only mode", self._commands.name)
            self.confirmed = self._only = True
        return self.confirmed

    def _note(self, mode: ReportedMode) -> None:
        if mode is not ReportedMode.TEXT:
            self.text_since = None
        elif self.text_since is None:
            self.text_since = monotonic()
        self.confirmed = mode is ReportedMode.PDU

    def _read(self) -> ReportedMode:
        mode = _reported_mode(self._commands.attempt("AT+CMGF?", "+CMGF"))
        if mode is ReportedMode.TEXT:
            if self.confirmed:
                self._fell_back()
            self.confirmed = False
        return mode

    def _fell_back(self) -> None:
        self.fallbacks += 1
        log.warning("%s fell back to text mode; PDU mode is set again", self._commands.name)

    def _read_test(self) -> ReportedMode:
        """Ask AT+CMGF=?: a modem that answers `(0)` has only PDU mode."""
        mode = _reported_mode(self._commands.attempt("AT+CMGF=?", "+CMGF"))
        self._only = mode is ReportedMode.PDU
        return mode if self._only else ReportedMode.NOTHING


def _reported_mode(answer: Response) -> ReportedMode:
    mode = parsers.message_format(answer.lines)
    return ReportedMode.NOTHING if mode is None else ReportedMode.TEXT if mode else ReportedMode.PDU
