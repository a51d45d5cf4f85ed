"""The card in the active slot, as the modem tells of it (27.007, 7.1, 8.3 and 8.18)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from time import monotonic
from typing import Final

from modem.at.responses import fields
from modem.driver.card_identity import Card
from modem.driver.commands import BUSY, Commands, code_of
from modem.driver.profiles import CPINR
from modem.sms.gsm7 import plain


class SimState(Enum):
    """What the modem says of the card in a slot (27.007, 8.3 and 9.2)."""

    UNKNOWN = "unknown"  # this slot was not looked at yet
    READY = "ready"
    PIN_REQUIRED = "pin_required"  # it asks for a PIN and none is configured
    PIN_REFUSED = "pin_refused"  # the configured PIN was wrong; it is not tried again
    PUK_REQUIRED = "puk_required"
    MODEM_LOCKED = (
        "modem_locked"  # the modem takes the SIMs of another operator alone (PH-NET PIN and its family)
    )
    ABSENT = "absent"
    FAILURE = "failure"


_SIM_STATES: Final = {
    ("CME", 10): SimState.ABSENT,
    ("CMS", 310): SimState.ABSENT,
    ("CME", 11): SimState.PIN_REQUIRED,
    ("CMS", 311): SimState.PIN_REQUIRED,
    ("CME", 12): SimState.PUK_REQUIRED,
    ("CMS", 316): SimState.PUK_REQUIRED,
    ("CMS", 313): SimState.FAILURE,
    ("CMS", 315): SimState.FAILURE,
    ("CMS", 312): SimState.MODEM_LOCKED,
    **{("CME", code): SimState.FAILURE for code in (13, 15)},
    **{("CME", code): SimState.MODEM_LOCKED for code in (5, 6, 7, *range(40, 49))},
}

# A word that may be a card number. Hexadecimal digits occur: 31.102, 4.2.1 allows them, and Chinese operators use them.
_WORD: Final = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{17,23}(?![0-9A-Za-z])")
_ISSUED: Final = "89"  # a card number begins with it: telecommunications (ITU-T E.118, 4)
_SWAPPED: Final = "98"  # the same with swapped nibbles
_FILE_DIGITS: Final = 20  # EF-ICCID has ten octets
_SHORTEST: Final = 17
_MOST_FILLER: Final = 3
_IMSI: Final = re.compile(r"(?<![0-9])[0-9]{14,15}(?![0-9])")
_NUMBER: Final = re.compile(r"\+?[0-9 ().-]+")
_ICCID_TAGS: Final = (
    "+CCID",
    "+ICCID",
    "+QCCID",
    "+CICCID",
    "^ICCID",
    "#CCID",
    "+ZGETICCID",
    "!ICCID",
    "+CRSM",
)


class SimCard:
    """The card in the active slot."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._iccid_command: str | None = None

    @property
    def tells_iccid(self) -> bool:
        """Whether it once told the number of a card."""
        return self._iccid_command is not None

    def state(self) -> SimState:
        """Ask for the state of the SIM, waiting while it is busy. A modem that cannot say has a SIM that is ready."""
        deadline = monotonic() + self._commands.patience.busy_s
        while True:
            state = self._state_now()
            if state is not SimState.UNKNOWN:
                return state
            if monotonic() >= deadline:
                return SimState.FAILURE
            self._commands.channel.pause(self._commands.patience.again_s)

    def pin_attempts(self) -> int | None:
        """How often a PIN may still be tried before the SIM asks for its PUK, None where the modem does not say."""
        sim_s = self._commands.patience.sim_s
        if (way := self._commands.profile.pin_attempts) is not None:
            command, prefix, position = way
            for line in self._commands.attempt(command, prefix, timeout_s=sim_s).lines:
                parts = fields(line)
                if len(parts) > position and parts[position].isdecimal():
                    return int(parts[position])
        for command in CPINR:
            answer = self._commands.attempt(command, "+CPINR", bare=True, timeout_s=sim_s)
            if (left := attempts_in(answer.lines)) is not None:
                return left
        return None

    def enter_pin(self, pin: str) -> bool:
        """Try a PIN, once. False: it did not open the SIM; say nothing of it again until a person changed it."""
        answer = self._commands.attempt(f'AT+CPIN="{pin}"', timeout_s=self._commands.patience.sim_s)
        state = self.state()
        return state is SimState.READY or (answer.ok and state is not SimState.PIN_REQUIRED)

    def iccid(self) -> str:
        """The number of the card, without filler; "" where the modem does not tell it."""
        known = (self._iccid_command,) if self._iccid_command else ()
        common = ("AT+CCID", "AT+ICCID", "AT^ICCID?", "AT+QCCID", "AT#CCID", "AT+CICCID")
        # The file itself is the last way (27.007, 8.18; 31.102, 2FE2).
        for command in dict.fromkeys(
            (*known, *self._commands.profile.iccid, *common, "AT+CRSM=176,12258,0,0,10")
        ):
            answer = self._commands.patiently(command, *_ICCID_TAGS)
            for line in answer.lines:
                if found := iccid_in(line):
                    self._iccid_command = command
                    return found
            if self._commands.mute:
                break
        return ""

    def imsi(self) -> str:
        """The subscriber's identity; "" where the modem does not tell it."""
        for command in ("AT+CIMI", "AT+CIMI?"):
            for line in self._commands.patiently(command, "+CIMI").lines:
                if found := _IMSI.search(line):
                    return found.group()
        return ""

    def own_number(self) -> str:
        """What the card says its number is: E.164 where it says international, "" where it has none."""
        for line in self._commands.patiently("AT+CNUM", "+CNUM").lines:
            parts = fields(line)
            number = re.sub(r"[ ().-]", "", _dialled(parts[1])) if len(parts) > 1 else ""
            digits = number.lstrip("+")
            if digits.isascii() and digits.isdigit():
                international = number.startswith("+") or (len(parts) > 2 and parts[2] == "145")
                return f"+{digits}" if international else digits
        return ""

    def await_other(self, left: Card) -> bool:
        """Wait until the SIM in the slot is another than the one that was `left`, or none. False: it stayed the same."""
        began = monotonic()
        tells = self.tells_iccid or bool(left.imsi)
        while True:
            self.state()
            other = self._compared(left)
            waited_s = monotonic() - began
            if other or (other is None and (waited_s >= self._commands.patience.appear_s or not tells)):
                return True
            if waited_s >= self._commands.patience.slot_s:
                return False
            self._commands.channel.pause(self._commands.patience.again_s)

    def _compared(self, left: Card) -> bool | None:
        """Whether the card is another than the one that was `left`; None where it tells nothing to compare."""
        if left.iccid or not left.imsi:
            iccid = self.iccid() if self.tells_iccid else ""
            return iccid != left.iccid if iccid else None
        imsi = self.imsi()
        return imsi != left.imsi if imsi else None

    def _state_now(self) -> SimState:
        """UNKNOWN while the SIM is busy."""
        # Wavecom answers READY without an OK.
        answer = self._commands.attempt(
            "AT+CPIN?", "+CPIN", timeout_s=self._commands.patience.sim_s, enough_s=1.0
        )
        if not answer.lines:
            if code_of(answer.result) in BUSY:
                return SimState.UNKNOWN
            if (state := _SIM_STATES.get(code_of(answer.result))) is not None:
                return state
            # A modem that knows the command and cannot answer it has an empty bay; one that does not know it may work.
            knows = not answer.ok and self._commands.attempt("AT+CPIN=?", "+CPIN").ok
            return SimState.FAILURE if knows else SimState.READY
        said = answer.lines[-1].partition(":")[2].strip(' "').upper()
        if said in ("READY", "SIM PIN2", "SIM PUK2"):  # the second PIN guards nothing that texts need
            return SimState.READY
        if said.startswith("PH-"):  # 27.007, 8.3: to a SIM, a network, a part of one, a provider, a company
            return SimState.MODEM_LOCKED
        return {
            "SIM PIN": SimState.PIN_REQUIRED,
            "SIM PUK": SimState.PUK_REQUIRED,
            "NOT INSERTED": SimState.ABSENT,
            "NOT READY": SimState.UNKNOWN,
        }.get(said, SimState.FAILURE)


def attempts_in(lines: Sequence[str]) -> int | None:
    """The PIN attempts left as +CPINR tells them (27.007, 8.65); None where it does not.

    `+CPINR: SIM PIN,3,3` in a line of its own for each code, or numbers alone, of which the first is that of the PIN.
    Some leave out the +CPINR.
    """
    alone: int | None = None
    for line in lines:
        first, *others = fields(line if ":" in line else f":{line}")
        if first.upper() == "SIM PIN" and others and others[0].isdecimal():
            return int(others[0])
        if alone is None and first.isdecimal():
            alone = int(first)
    return alone


def _dialled(told: str) -> str:
    """A number that may be written in UCS-2 digits."""
    decoded = plain(told)
    return decoded if _NUMBER.fullmatch(decoded) else told


def iccid_in(line: str) -> str:
    """The card number in a line, in upper case and without filler; "" where there is none.

    It has 17 to 20 digits, also hexadecimal ones, perhaps with filler or with its nibbles swapped, as EF-ICCID has
    them (31.102, 4.2.1). A number with hexadecimal digits must begin with 89, so that no other word is taken for one.
    """
    for found in _WORD.finditer(line):
        word = found.group().upper()
        if word.startswith(_SWAPPED) and len(word) == _FILE_DIGITS:
            word = _swapped(word)
        number = word.rstrip("F")
        if len(word) - len(number) > _MOST_FILLER or not _SHORTEST <= len(number) <= _FILE_DIGITS:
            continue
        if number.isdecimal() or number.startswith(_ISSUED):
            return number
    return ""


def _swapped(nibbles: str) -> str:
    return "".join(nibbles[place + 1] + nibbles[place] for place in range(0, len(nibbles) - 1, 2))
