"""PDU mode of one modem (27.005, 3.2.3): set, read back, and made sure of before each PDU is typed.

In text mode the length in `AT+CMGS=29` is taken for a recipient, and the PDU is sent there as a text.
"""

from __future__ import annotations

import logging
from enum import Enum
from time import monotonic
from typing import Final

from modem.at.answer_check import Response
from modem.at.responses import tag
from modem.driver.commands import Commands, code_of

log = logging.getLogger(__name__)

_TRIES: Final = 3  # an answer may be lost on the line

# Refusals that say nothing of the moment: the modem may not know the command at all. Every other refusal passes.
_UNKNOWN_COMMAND: Final = frozenset(
    {("ERROR", -1), ("CME", 3), ("CME", 4), ("CME", 100), ("CMS", 302), ("CMS", 303)}
)


class Told(Enum):
    """What AT+CMGF? says."""

    PDU = "pdu"
    TEXT = "text"
    NOTHING = "nothing"  # it is refused, or not answered


class PduMode:
    """Whether one modem is in PDU mode, as far as that is known."""

    def __init__(self, commands: Commands) -> None:
        self.confirmed = False  # the last word of the modem was PDU mode
        self.fallbacks = 0  # times that the modem was found in text mode after PDU mode had been confirmed
        self.text_since: float | None = (
            None  # monotonic seconds; the modem says text mode, whatever it is told
        )
        self._commands = commands
        self._only = False  # it knows no other mode, and so perhaps not the command
        self._tells = True  # it answers AT+CMGF?
        self._unknown = False  # it answered each form of the command as one that it does not know

    @property
    def is_told(self) -> bool:
        """Whether the modem itself said PDU mode (AT+CMGF?), rather than OK to the command."""
        return self.confirmed and self._tells

    def forget(self) -> None:
        """The modem was started anew, or may have been: nothing is known."""
        self.confirmed = self._only = False
        self._tells = True

    def set(self, *, patient: bool = False) -> bool:
        """Set PDU mode and read it back. Whether the modem confirms it. `patient`: wait for a SIM that is busy."""
        say = self._commands.patiently if patient else self._commands.attempt
        silences = self._commands.total_silences
        for _ in range(_TRIES):
            answer = say("AT+CMGF=0")
            if answer.ok or code_of(answer.result) not in _UNKNOWN_COMMAND:
                break
        told = self._read()
        if told is Told.NOTHING and not answer.ok and not self._commands.mute:
            told = self._read_test()
        if told is Told.NOTHING and answer.ok:
            told = Told.PDU
            self._tells = False  # from now on PDU mode is set again in place of being asked for
        self._note(told)
        if told is Told.NOTHING:
            answered = self._commands.total_silences == silences
            self._unknown = answered and code_of(answer.result) in _UNKNOWN_COMMAND
        return self.confirmed

    def ensure(self) -> bool:
        """Whether the modem is in PDU mode now. It is set right where it fell back."""
        if self._only:
            return True
        if self._tells and self._read() is Told.PDU:
            self._note(Told.PDU)
            return True
        return self.set()

    def restore(self, *, certain: bool) -> bool:
        """As `ensure`, after an answer that looks like text mode. `certain`: no modem in PDU mode says this."""
        before = self.fallbacks
        held = self.ensure()
        if certain and held and not self._tells and self.fallbacks == before:
            self._fell_back()
        return held

    def accept(self) -> bool:
        """Take PDU mode for the only one of a modem that has been ready for a while and knows no AT+CMGF."""
        if self._unknown and not self.confirmed:
            log.warning("%s knows no AT+CMGF: PDU mode is taken for its only one", self._commands.name)
            self.confirmed = self._only = True
        return self.confirmed

    def _note(self, told: Told) -> None:
        if told is not Told.TEXT:
            self.text_since = None
        elif self.text_since is None:
            self.text_since = monotonic()
        self.confirmed = told is Told.PDU

    def _read(self) -> Told:
        answer = self._commands.attempt("AT+CMGF?", "+CMGF")
        told = _told(answer)
        if told is Told.TEXT:
            if self.confirmed:
                self._fell_back()
            self.confirmed = False
        return told

    def _fell_back(self) -> None:
        self.fallbacks += 1
        log.warning("%s fell back to text mode; PDU mode is set again", self._commands.name)

    def _read_test(self) -> Told:
        """What AT+CMGF=? says: `(0)` is a modem that has PDU mode alone."""
        told = _told(self._commands.attempt("AT+CMGF=?", "+CMGF"))
        self._only = told is Told.PDU
        return told if self._only else Told.NOTHING


def _told(answer: Response) -> Told:
    for line in answer.lines:
        value = line.partition(":")[2].replace(" ", "").replace('"', "")
        if tag(line) == "+CMGF" and value in ("0", "(0)"):
            return Told.PDU
        if tag(line) == "+CMGF" and value == "1":
            return Told.TEXT
    return Told.NOTHING
