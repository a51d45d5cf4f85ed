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


class Told(Enum):
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
        self._tells = True  # the modem answers AT+CMGF?
        self._unknown = False  # the modem does not know any form of the command

    @property
    def is_told(self) -> bool:
        """Whether AT+CMGF? itself answered PDU mode, rather than OK to the command that sets it."""
        return self.confirmed and self._tells

    def forget(self) -> None:
        """Forget the mode: the modem was restarted, or may have been."""
        self.confirmed = self._only = False
        self._tells = True

    def set(self, *, patient: bool = False) -> bool:
        """Set PDU mode and read it back. Whether the modem confirms it. `patient`: wait for a SIM that is busy."""
        say = self._commands.patiently if patient else self._commands.attempt
        silences = self._commands.total_silences
        for _ in range(_TRIES):
            answer = say("AT+CMGF=0")
            if answer.ok or not answer.cause.unknown_command:
                break
        told = self._read()
        if told is Told.NOTHING and not answer.ok and not self._commands.mute:
            told = self._read_test()
        if told is Told.NOTHING and answer.ok:
            told = Told.PDU
            self._tells = False  # from now on PDU mode is set again instead of read
        self._note(told)
        if told is Told.NOTHING:
            answered = self._commands.total_silences == silences
            self._unknown = answered and answer.cause.unknown_command
        return self.confirmed

    def ensure(self) -> bool:
        """Read the mode, and set PDU mode where the modem fell back. Whether the modem is in PDU mode now."""
        if self._only:
            return True
        if self._tells and self._read() is Told.PDU:
            self._note(Told.PDU)
            return True
        return self.set()

    def restore(self, *, certain: bool) -> bool:
        """Do as `ensure`, after an answer that looks like text mode. `certain`: no modem in PDU mode answers so."""
        before = self.fallbacks
        held = self.ensure()
        if certain and held and not self._tells and self.fallbacks == before:
            self._fell_back()
        return held

    def accept(self) -> bool:
        """Take PDU mode as given on a modem that has been ready for a while and does not know AT+CMGF."""
        if self._unknown and not self.confirmed:
            log.warning("%s does not know AT+CMGF: PDU mode is taken as its only mode", self._commands.name)
            self.confirmed = self._only = True
        return self.confirmed

    def _note(self, told: Told) -> None:
        if told is not Told.TEXT:
            self.text_since = None
        elif self.text_since is None:
            self.text_since = monotonic()
        self.confirmed = told is Told.PDU

    def _read(self) -> Told:
        told = _told(self._commands.attempt("AT+CMGF?", "+CMGF"))
        if told is Told.TEXT:
            if self.confirmed:
                self._fell_back()
            self.confirmed = False
        return told

    def _fell_back(self) -> None:
        self.fallbacks += 1
        log.warning("%s fell back to text mode; PDU mode is set again", self._commands.name)

    def _read_test(self) -> Told:
        """Ask AT+CMGF=?: a modem that answers `(0)` has only PDU mode."""
        told = _told(self._commands.attempt("AT+CMGF=?", "+CMGF"))
        self._only = told is Told.PDU
        return told if self._only else Told.NOTHING


def _told(answer: Response) -> Told:
    mode = parsers.message_format(answer.lines)
    return Told.NOTHING if mode is None else Told.TEXT if mode else Told.PDU
