"""Registration, signal and operator of the active SIM (27.007, 7.2, 7.3, 8.5 and 10.1)."""

from __future__ import annotations

from enum import Enum
from typing import Final

from modem.at.responses import Urc, asked_registration
from modem.driver import parsers
from modem.driver.commands import Commands

_DOMAINS: Final = ("CREG", "CEREG", "CGREG")
_MANUAL: Final = frozenset({1, 4})  # <mode> of +COPS
_RADIO_TRIES: Final = 3  # an answer may be lost on the line
_RESTRICTED_LOCAL: Final = (
    11  # access to restricted local services, which accept emergency calls and no texts
)


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
        """Whether the network accepts a short message in this state."""
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


REGISTRATION_TAGS: Final = frozenset({"+CREG", "+CGREG", "+CEREG", "+C5GREG"})
_SMS_STATS: Final = frozenset(str(each.value) for each in _CARRIES_SMS)


def reports_registration(urc: Urc) -> bool:
    """Whether a URC says that the SIM is registered, so that texts and reports may come for it."""
    return urc.tag in REGISTRATION_TAGS and urc.fields[0] in _SMS_STATS


class NetworkRegistration:
    """Registration, signal and operator of the active SIM."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def registration(self) -> Registration:
        """The best state of +CREG, +CEREG and +CGREG; HOME for a modem that answers none of them."""
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
        """The states of +CREG, +CEREG and +CGREG, without those that the modem does not answer."""
        registrations = (self._registration_of(name) for name in _DOMAINS)
        return tuple(state for state in registrations if state is not None)

    def chosen_by_hand(self) -> bool | None:
        """Whether the operator was selected manually (27.007, 7.3: mode 1 or 4); None without an answer."""
        mode = parsers.operator_mode(self._commands.attempt("AT+COPS?", "+COPS").lines)
        return None if mode is None else mode in _MANUAL

    def choose_operator(self) -> None:
        """Start automatic network selection again (27.007, 7.3)."""
        self._commands.attempt("AT+COPS=0", timeout_s=self._commands.timeouts.search_s)

    def switch_radio(self) -> None:
        """Switch the radio off and on (27.007, 8.2)."""
        timeouts = self._commands.timeouts
        self._commands.attempt("AT+CFUN=4", timeout_s=timeouts.function_s)
        for _ in range(_RADIO_TRIES):  # a radio that stays off is worse than one that finds no network
            self._commands.channel.pause(timeouts.again_s)
            if self._commands.attempt("AT+CFUN=1", timeout_s=timeouts.function_s).ok:
                break

    def signal_dbm(self) -> int | None:
        """The received signal strength (27.007, 8.5); None where it is not known."""
        return parsers.signal_dbm(self._commands.attempt("AT+CSQ", "+CSQ").lines)

    def operator(self) -> str:
        """The name of the network, or its number; "" without one."""
        return parsers.operator_name(self._commands.attempt("AT+COPS?", "+COPS").lines)

    def _registration_of(self, name: str) -> Registration | None:
        answer = self._commands.attempt(f"AT+{name}?", f"+{name}")
        if answer.lines:
            return _registration(asked_registration(answer.lines[-1]))
        # Some modems answer with OK alone, in the form of a URC, or after the OK.
        urcs = [urc for urc in self._commands.channel.urcs if urc.tag == f"+{name}"]
        if not urcs:
            return None
        status = urcs[-1].fields[0]
        return _registration(int(status) if status.isascii() and status.isdigit() else None)


def _registration(status: int | None) -> Registration:
    """The state of a `<stat>`; UNKNOWN for a number that 27.007 does not name."""
    if status == _RESTRICTED_LOCAL:
        return Registration.EMERGENCY
    try:
        return Registration(status)
    except ValueError:
        return Registration.UNKNOWN
