"""One modem: start it, identify it, configure it for messages, and reach its parts: SIM, network, memory, submission.

Every step is tolerant: a modem that answers only AT, AT+CMGF=0 and AT+CMGS can be used. Methods raise
`modem.at.transport.DeviceGoneError` and `modem.at.channel.OutOfStepError` where the modem is out of reach, and no other
errors than they name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

from modem.at.channel import Channel
from modem.at.transport import ChannelError
from modem.driver import network_clock, parsers, persistent_settings, slots
from modem.driver.commands import Commands
from modem.driver.identity import Identity
from modem.driver.message_storage import REPORTS_MEMORY, MessageStorage
from modem.driver.notifications import Notifications
from modem.driver.pdu_mode import PduMode
from modem.driver.profiles import Profile, profile_for
from modem.driver.registration import NetworkRegistration
from modem.driver.service_centre import ServiceCentre
from modem.driver.sim import SimCard
from modem.driver.submitter import Submitter
from modem.driver.ussd import Reply
from modem.driver.ussd_session import UssdSession
from modem.hardware.sysfs import Tty
from modem.parts import InDoubt, Place, Refused, StoredState, Submission, Submitted
from modem.timeouts import CommandTimeouts

_IDENTITY_TRIES: Final = 2  # a URC may share a line with an answer


class UnusableError(ChannelError):
    """The modem answers, but cannot be used for messages."""


class Modem:
    """A modem at the other end of a channel."""

    def __init__(
        self,
        channel: Channel,
        *,
        smsc: str | None = None,
        slot_command: str | None = None,
        timeouts: CommandTimeouts | None = None,
        writes: bool = False,
        wiring: Callable[[], Tty | None] = lambda: None,
    ) -> None:
        """`writes`: parts are sent from the modem's memory. `wiring`: the kernel's data about the device."""
        self._commands = Commands(channel, timeouts or CommandTimeouts())
        self.channel = channel
        self._smsc = smsc
        self._slot_command = slot_command
        self._writes = writes
        self._wiring = wiring
        self._clock = network_clock.Observer()
        self._build()

    def _build(self) -> None:
        """Make everything that is learned about one modem, as for a new one."""
        commands = self._commands
        self.sim = SimCard(commands)
        self.network = NetworkRegistration(commands)
        self.mode = PduMode(commands)
        self.storage = MessageStorage(commands, self.mode)
        self.notifications = Notifications(commands)
        self.acknowledges = False  # the modem waits for +CNMA after each +CMT and +CDS
        self.knows_service = False  # the modem answered whether it does (AT+CSMS)
        self._service_centre = ServiceCentre(commands, self._smsc)
        self._submitter = Submitter(self.channel, commands, self.mode, self.storage, self._service_centre)
        self._clock_follows = False  # the network sets the modem's clock
        self._ussd_session = UssdSession(self.channel, commands.timeouts.ussd)

    @property
    def identity(self) -> Identity:
        """Manufacturer, model and IMEI."""
        return self._commands.identity

    @property
    def timeouts(self) -> CommandTimeouts:
        """The timeouts of commands."""
        return self._commands.timeouts

    @property
    def profile(self) -> Profile:
        """The family of modems that it belongs to."""
        return self._commands.profile

    @property
    def name(self) -> str:
        """The manufacturer and model for logs."""
        return self._commands.name

    # Starting

    def begin(self) -> None:
        """Resynchronise the modem, set its answer format, identify it, and switch its radio on."""
        self.greet()
        self.storage.forget()
        self.mode.forget()
        radio = parsers.functionality(self._commands.attempt("AT+CFUN?", "+CFUN").lines)
        if radio not in (None, 1):  # never otherwise: on a Wavecom this restarts the modem
            self._commands.attempt("AT+CFUN=1", timeout_s=self._commands.timeouts.function_s)

    def greet(self) -> None:
        """Resynchronise the modem, set its answer format, and identify it. Nothing lasting changes."""
        self._commands.start_over(other=False)
        self.channel.restarted = False
        self.channel.resync()
        if not self._commands.attempt("ATE0V1Q0").ok:
            for command in ("ATE0", "ATV1", "ATQ0"):
                self._commands.attempt(command)
        self._commands.attempt("AT+CMEE=1")
        self.identify()

    @property
    def is_identified(self) -> bool:
        """Whether the modem answered its identity. Without it the vendor's error codes and commands are unknown."""
        identity = self._commands.identity
        return bool(identity.manufacturer and identity.model and identity.imei)

    def identify(self) -> bool:
        """Read manufacturer, model, revision and IMEI. Whether something new came.

        Read again after each start, because another modem may have taken the place.
        """
        manufacturer, model, revision, serial = (
            self._word(command) for command in ("+CGMI", "+CGMM", "+CGMR", "+CGSN")
        )
        found = Identity(manufacturer, model, revision, parsers.imei(serial))
        before = self._commands.identity
        known = before.supplemented(found)
        if known is None:
            self._commands.start_over(other=True)
            self._build()
            known = found
        if known == before:
            return False
        self._commands.identity = known
        self._commands.profile = profile_for(known.manufacturer, known.model)
        self.channel.vendor = self.profile.vendor
        self.channel.pause_s = self.profile.pause_s
        return True

    def takes_pdus(self) -> bool:
        """Whether the modem accepts PDU mode on this line (27.005, 3.2.3)."""
        return self._commands.patiently("AT+CMGF=0").ok

    @property
    def has_smsc(self) -> bool | None:
        """Whether the SIM has a service centre number, as read when the SIM was made ready; None: not known."""
        return self._service_centre.present

    def find_service_centre(self) -> bool | None:
        """Read whether the SIM has a service centre number; None without an answer."""
        return self._service_centre.find()

    def prepare(self) -> None:
        """Make all volatile settings for messages: PDU mode, memories, service centre, notifications.

        A refusal may only come too early; see `modem.port.modem_settings`.
        """
        self.mode.set(patient=True)
        self._commands.attempt('AT+CSCS="GSM"')
        self.choose_service()
        self.choose_memories()
        self._service_centre.provide()
        for command in ("AT+CREG=1", "AT+CGREG=1", "AT+CEREG=1", "AT+COPS=3,0"):
            self._commands.attempt(command, "+COPS")
        for setting in self.profile.also:
            persistent_settings.apply(self._commands, (setting,))
        if self.profile.urc_port:
            persistent_settings.apply(self._commands, persistent_settings.urc_port(self._wiring()))
        self._clock_follows = persistent_settings.apply(self._commands, self.profile.clock)
        self.notifications.choose()

    def choose_service(self) -> None:
        """Switch +CNMA acknowledgement off, or learn that the modem needs it (27.005, 3.2.1)."""
        if self._commands.attempt("AT+CSMS=0", "+CSMS").ok:
            self.acknowledges, self.knows_service = False, True
            return
        answer = self._commands.attempt("AT+CSMS?", "+CSMS")
        self.acknowledges = parsers.service(answer.lines) == "1"
        self.knows_service = bool(answer.lines)

    def choose_memories(self, *, again: bool = False) -> None:
        """Choose the memories for messages and for outgoing parts. `again`: only a better one than the last time."""
        self.storage.choose(patient=not again, only_better=again)
        if self._writes:
            self.storage.write_to()

    def pause(self) -> None:
        """Wait a moment, for a modem that is still busy."""
        self.channel.pause(self._commands.timeouts.again_s)

    def reset(self) -> None:
        """Restart the modem. It may be gone for half a minute; open its device again."""
        self._commands.attempt(self.profile.reset, timeout_s=self._commands.timeouts.function_s)

    def answers(self, timeout_s: float) -> bool:
        """Whether the modem answers OK to AT."""
        return self._commands.attempt("AT", timeout_s=timeout_s).ok

    def network_time(self) -> int | None:
        """The modem's clock in microseconds since the epoch; None where the network does not set it, or it stands still."""
        if not self._clock_follows:
            return None
        answer = self._commands.attempt("AT+CCLK?", "+CCLK")
        told = parsers.network_time(answer.lines[0]) if answer.lines else None
        return told if told is not None and self._clock.goes(told, monotonic()) else None

    # Messages

    def submit(
        self, submission: Submission, timeout_s: float, meanwhile: Callable[[], None]
    ) -> Submitted | Refused | InDoubt:
        """Submit one part (see `Submitter.submit`)."""
        return self._submitter.submit(submission, timeout_s, meanwhile)

    def write(self, submission: Submission) -> Place | Refused:
        """Write one part to the modem's memory (see `Submitter.write`)."""
        return self._submitter.write(submission)

    def send_written(
        self, submission: Submission, place: Place, timeout_s: float, meanwhile: Callable[[], None]
    ) -> Submitted | Refused | InDoubt:
        """Send a written part (see `Submitter.send_written`)."""
        return self._submitter.send_written(submission, place, timeout_s, meanwhile)

    def stored_state(self, submission: Submission, place: Place) -> StoredState | None:
        """The state of a written part (see `Submitter.stored_state`)."""
        return self._submitter.stored_state(submission, place)

    @property
    def read_from(self) -> tuple[str | None, ...]:
        """The memories to read regularly for messages and status reports; None is the usual memory."""
        stores_reports = self.notifications.stores_reports and self.storage.keeps_reports
        return (None, REPORTS_MEMORY) if stores_reports else (None,)

    def acknowledge(self) -> None:
        """Acknowledge a +CMT or +CDS to the network, where the modem needs it (27.005, 3.4.4)."""
        if self.acknowledges:
            self._commands.attempt("AT+CNMA")

    def hang_up(self) -> bool:
        """End an incoming call (27.007, 6.5; V.250, 6.3.6). Whether the modem answers OK."""
        return self._commands.attempt("AT+CHUP").ok or self._commands.attempt("ATH").ok

    def ussd(self, codes: Sequence[str]) -> tuple[Reply, ...]:
        """Send USSD codes (see `UssdSession.ask`). Raises UssdRefusedError, UssdSilentError."""
        return self._ussd_session.ask(self.profile.ussd, codes)

    # Slots

    @property
    def slot_ways(self) -> tuple[slots.Way, ...]:
        """The ways to switch the slot that the modem may know, the likeliest first."""
        return slots.ways(self.profile, self._slot_command)

    def switch(self, slot: int, way: slots.Way) -> bool:
        """Make `slot` the active one (see `slots.switch`). Read the SIM and make all volatile settings again."""
        return slots.switch(self._commands, slot, way)

    def _word(self, name: str) -> str:
        """The answer to a command that answers with bare text."""
        for _ in range(_IDENTITY_TRIES):
            answer = self._commands.attempt(f"AT{name}", name, bare=True)
            if answer.lines or not answer.ok:
                break
        return parsers.word(answer.lines, name) if answer.ok else ""
