"""The SIM in the active slot (27.007, 7.1, 8.3 and 8.18)."""

from __future__ import annotations

from enum import Enum
from time import monotonic
from typing import Final

from modem.driver import parsers
from modem.driver.card_identity import Card
from modem.driver.commands import Commands
from modem.driver.profiles import CPINR
from modem.error_tables import Behaviour


class SimState(Enum):
    """The state of the SIM in a slot (27.007, 8.3 and 9.2)."""

    UNKNOWN = "unknown"  # this slot was not read yet
    READY = "ready"
    PIN_REQUIRED = "pin_required"  # the SIM asks for a PIN and none is configured
    PIN_REFUSED = "pin_refused"  # the configured PIN was wrong; it is not tried again
    PUK_REQUIRED = "puk_required"
    MODEM_LOCKED = (
        "modem_locked"  # the modem accepts the SIMs of another operator only (PH-NET PIN and the like)
    )
    ABSENT = "absent"
    FAILURE = "failure"


# An error in place of +CPIN.
_BY_ERROR: Final = (
    (Behaviour.SIM_ABSENT, SimState.ABSENT),
    (Behaviour.SIM_PIN, SimState.PIN_REQUIRED),
    (Behaviour.SIM_PUK, SimState.PUK_REQUIRED),
    (Behaviour.SIM_FAILED, SimState.FAILURE),
    (Behaviour.MODEM_LOCKED, SimState.MODEM_LOCKED),
)
_BY_CODE: Final = {
    "READY": SimState.READY,
    # The second PIN guards nothing that messages need.
    "SIM PIN2": SimState.READY,
    "SIM PUK2": SimState.READY,
    "SIM PIN": SimState.PIN_REQUIRED,
    "SIM PUK": SimState.PUK_REQUIRED,
    "NOT INSERTED": SimState.ABSENT,
    "NOT READY": SimState.UNKNOWN,
}

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
    """The SIM in the active slot: state, PIN and numbers."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._iccid_command: str | None = None

    @property
    def tells_iccid(self) -> bool:
        """Whether the modem has answered with an ICCID before."""
        return self._iccid_command is not None

    def state(self) -> SimState:
        """Read the state of the SIM, waiting while it is busy. READY for a modem that does not know the command."""
        deadline = monotonic() + self._commands.timeouts.busy_s
        while True:
            state = self._state_now()
            if state is not SimState.UNKNOWN:
                return state
            if monotonic() >= deadline:
                return SimState.FAILURE
            self._commands.channel.pause(self._commands.timeouts.again_s)

    def pin_attempts(self) -> int | None:
        """The number of PIN attempts left before the SIM asks for its PUK; None without an answer."""
        sim_s = self._commands.timeouts.sim_s
        if (way := self._commands.profile.pin_attempts) is not None:
            command, prefix, place = way
            answer = self._commands.attempt(command, prefix, timeout_s=sim_s)
            if (left := parsers.vendor_pin_attempts(answer.lines, place)) is not None:
                return left
        for command in CPINR:
            answer = self._commands.attempt(command, "+CPINR", bare=True, timeout_s=sim_s)
            if (left := parsers.pin_attempts(answer.lines)) is not None:
                return left
        return None

    def enter_pin(self, pin: str) -> bool:
        """Try a PIN once. After False the PIN must not be tried again until a person changed it."""
        answer = self._commands.attempt(f'AT+CPIN="{pin}"', timeout_s=self._commands.timeouts.sim_s)
        state = self.state()
        return state is SimState.READY or (answer.ok and state is not SimState.PIN_REQUIRED)

    def iccid(self) -> str:
        """The ICCID without filler; "" where the modem does not answer it."""
        known = (self._iccid_command,) if self._iccid_command else ()
        common = ("AT+CCID", "AT+ICCID", "AT^ICCID?", "AT+QCCID", "AT#CCID", "AT+CICCID")
        # The last way is the file itself (27.007, 8.18; 31.102, 2FE2).
        for command in dict.fromkeys(
            (*known, *self._commands.profile.iccid, *common, "AT+CRSM=176,12258,0,0,10")
        ):
            answer = self._commands.patiently(command, *_ICCID_TAGS)
            for line in answer.lines:
                if found := parsers.iccid(line):
                    self._iccid_command = command
                    return found
            if self._commands.mute:
                break
        return ""

    def imsi(self) -> str:
        """The IMSI; "" where the modem does not answer it."""
        for command in ("AT+CIMI", "AT+CIMI?"):
            for line in self._commands.patiently(command, "+CIMI").lines:
                if found := parsers.imsi(line):
                    return found
        return ""

    def own_number(self) -> str:
        """The phone number that is stored on the SIM: E.164 for an international one, "" without one."""
        for line in self._commands.patiently("AT+CNUM", "+CNUM").lines:
            if found := parsers.own_number(line):
                return found
        return ""

    def await_other(self, left: Card) -> bool:
        """Wait until the slot has another SIM than `left`, or none. False: the SIM stayed the same."""
        began = monotonic()
        tells = self.tells_iccid or bool(left.imsi)
        while True:
            self.state()
            other = self._compared(left)
            waited_s = monotonic() - began
            if other or (other is None and (waited_s >= self._commands.timeouts.appear_s or not tells)):
                return True
            if waited_s >= self._commands.timeouts.slot_s:
                return False
            self._commands.channel.pause(self._commands.timeouts.again_s)

    def _compared(self, left: Card) -> bool | None:
        """Whether the SIM is another one than `left`; None without a number to compare."""
        if left.iccid or not left.imsi:
            iccid = self.iccid() if self.tells_iccid else ""
            return iccid != left.iccid if iccid else None
        imsi = self.imsi()
        return imsi != left.imsi if imsi else None

    def _state_now(self) -> SimState:
        """UNKNOWN while the SIM is busy."""
        # Wavecom answers READY without an OK.
        answer = self._commands.attempt(
            "AT+CPIN?", "+CPIN", timeout_s=self._commands.timeouts.sim_s, enough_s=1.0
        )
        if answer.lines:
            code = parsers.sim_state(answer.lines[-1])
            if code.startswith(
                "PH-"
            ):  # 27.007, 8.3: to a SIM, a network, a part of one, a provider, a company
                return SimState.MODEM_LOCKED
            return _BY_CODE.get(code, SimState.FAILURE)
        if answer.cause.busy:
            return SimState.UNKNOWN
        for behaviour, state in _BY_ERROR:
            if answer.cause.behaviour & behaviour:
                return state
        # A modem that knows the command and cannot answer it has an empty slot; one that does not know it may work.
        knows = not answer.ok and self._commands.attempt("AT+CPIN=?", "+CPIN").ok
        return SimState.FAILURE if knows else SimState.READY
