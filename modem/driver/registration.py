"""How the active SIM stands with its network, as the modem tells it (27.007, 7.2, 7.3, 8.5 and 10.1)."""

from __future__ import annotations

from enum import Enum
from typing import Final

from modem.at.responses import asked_registration, fields
from modem.driver.commands import Commands
from modem.sms.gsm7 import plain

_DOMAINS: Final = ("CREG", "CEREG", "CGREG")
_BY_HAND: Final = frozenset({"1", "4"})
_RADIO_TRIES: Final = 3  # an answer may be lost on the line
_RESTRICTED_LOCAL: Final = 11  # access to restricted local services, which take emergency calls and no texts


class Registration(Enum):
    """The `<stat>` of +CREG, +CGREG and +CEREG (27.007, 7.2, 10.1.20 and 10.1.22); the best of the three counts."""

    NOT_SEARCHING = 0
    HOME = 1
    SEARCHING = 2
    DENIED = 3
    UNKNOWN = 4
    ROAMING = 5
    SMS_HOME = 6
    SMS_ROAMING = 7
    EMERGENCY = 8
    CSFB_HOME = 9
    CSFB_ROAMING = 10

    @property
    def carries_sms(self) -> bool:
        """Whether the network takes a short message in this state."""
        return self in _CARRIES_SMS


_CARRIES_SMS = frozenset(
    {
        Registration.HOME,
        Registration.ROAMING,
        Registration.SMS_HOME,
        Registration.SMS_ROAMING,
        Registration.CSFB_HOME,
        Registration.CSFB_ROAMING,
    }
)


class NetworkRegistration:
    """Registration, signal and operator of the active SIM."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def registration(self) -> Registration:
        """The best of what +CREG, +CEREG and +CGREG say; HOME where the modem can say nothing of it."""
        said: list[Registration] = []
        for name in _DOMAINS:
            if (state := self._registration_of(name)) is not None:
                if state.carries_sms:
                    return state
                said.append(state)
        for state in (Registration.SEARCHING, Registration.DENIED, Registration.EMERGENCY):
            if state in said:
                return state
        return said[0] if said else Registration.HOME

    def registrations(self) -> tuple[Registration, ...]:
        """What each of +CREG, +CEREG and +CGREG says, without those that say nothing."""
        told = (self._registration_of(name) for name in _DOMAINS)
        return tuple(state for state in told if state is not None)

    def chosen_by_hand(self) -> bool | None:
        """Whether a person chose the operator (27.007, 7.3: mode 1 or 4); None where the modem does not say."""
        answer = self._commands.attempt("AT+COPS?", "+COPS")
        mode = fields(answer.lines[0])[0] if answer.lines else ""
        return mode in _BY_HAND if mode.isdecimal() else None

    def choose_operator(self) -> None:
        """Have the modem look for its network anew (27.007, 7.3)."""
        self._commands.attempt("AT+COPS=0", timeout_s=self._commands.patience.search_s)

    def switch_radio(self) -> None:
        """Switch the radio off and on (27.007, 8.2)."""
        patience = self._commands.patience
        self._commands.attempt("AT+CFUN=4", timeout_s=patience.function_s)
        for _ in range(_RADIO_TRIES):  # a radio that stays off is worse than one that finds no network
            self._commands.channel.pause(patience.again_s)
            if self._commands.attempt("AT+CFUN=1", timeout_s=patience.function_s).ok:
                break

    def signal_dbm(self) -> int | None:
        """The received signal strength (27.007, 8.5), None where it is not known."""
        answer = self._commands.attempt("AT+CSQ", "+CSQ")
        rssi = fields(answer.lines[0])[0] if answer.lines else ""
        if not rssi.isdecimal():  # isdigit() takes the superscripts of latin-1 too, which noise brings
            return None
        value = int(rssi)
        if value <= 31:
            return -113 + 2 * value
        return -116 + value - 100 if 100 <= value <= 191 else None  # the scale of TD-SCDMA and LTE modems

    def operator(self) -> str:
        """The name of the network, or its number; "" without one."""
        answer = self._commands.attempt("AT+COPS?", "+COPS")
        parts = fields(answer.lines[0]) if answer.lines else []
        return plain(parts[2]) if len(parts) > 2 else ""

    def _registration_of(self, name: str) -> Registration | None:
        answer = self._commands.attempt(f"AT+{name}?", f"+{name}")
        if answer.lines:
            return _registration(asked_registration(answer.lines[-1]))
        # Some answer with OK alone, or in the form of a URC, or after the OK.
        effects = [urc for urc in self._commands.channel.urcs if urc.tag == f"+{name}"]
        if not effects:
            return None
        status = effects[-1].fields[0]
        return _registration(int(status) if status.isascii() and status.isdigit() else None)


def _registration(status: int | None) -> Registration:
    """The state that a `<stat>` means; UNKNOWN where it is none that 27.007 names."""
    if status == _RESTRICTED_LOCAL:
        return Registration.EMERGENCY
    try:
        return Registration(status)
    except ValueError:
        return Registration.UNKNOWN
