"""What a modem can do: identify itself and its SIM, unlock, submit, read, delete, ask by USSD, switch slot, reset.

Every step is tolerant: a modem that answers nothing but AT, AT+CMGF=0 and AT+CMGS can be used. Methods raise
`modem.at.transport.DeviceGoneError` and `modem.at.channel.OutOfStepError` where the modem is beyond reach, and nothing else but what
they name.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final, TypeVar

from modem.at.channel import Channel
from modem.at.responses import fields, tag
from modem.at.transport import ChannelError, DeviceGoneError
from modem.driver import network_clock, persistent_settings
from modem.driver import submission as handover
from modem.driver.commands import BUSY, Commands, Identity, Patience, code_of
from modem.driver.message_storage import REPORTS_MEMORY, SENT, UNSENT, MessageStorage, Record
from modem.driver.notifications import Notifications
from modem.driver.pdu_mode import PduMode
from modem.driver.profiles import CSUS, Profile, profile_for
from modem.driver.registration import NetworkRegistration
from modem.driver.sim import SimCard
from modem.driver.ussd import Reply
from modem.driver.ussd_session import UssdSession
from modem.errors import DEVICE_GONE, NO_PROMPT, TEXT_MODE, UNENCODABLE, cause
from modem.hardware.sysfs import Tty
from modem.parts import Fate, InDoubt, Place, Refused, Submission, Submitted
from modem.sms import tpdu
from modem.sms.submit_fingerprint import essence

log = logging.getLogger(__name__)

_IDENTITY_TRIES: Final = 2  # a URC may share a line with an answer
_IMEI: Final = re.compile(r"(?<![0-9])[0-9]{14,16}(?![0-9])")


T = TypeVar("T")

_NOT_SUPPORTED: Final = 303  # 27.005, 3.2.5


class UnusableError(ChannelError):
    """The modem answers, but cannot be used for texts."""


class Modem:
    """A modem at the other end of a channel."""

    def __init__(
        self,
        channel: Channel,
        *,
        smsc: str | None = None,
        slot_command: str | None = None,
        patience: Patience | None = None,
        writes: bool = False,
        wiring: Callable[[], Tty | None] = lambda: None,
    ) -> None:
        """`writes`: parts are written to a memory, and sent from there. `wiring`: what the kernel tells of the device."""
        self._commands = Commands(channel, patience or Patience())
        self.channel = channel
        self.sim = SimCard(self._commands)
        self.network = NetworkRegistration(self._commands)
        self.mode = PduMode(self._commands)
        self.storage = MessageStorage(self._commands, self.mode)
        self.notifications = Notifications(self._commands)
        self.acknowledges = False  # the modem waits for +CNMA after each +CMT and +CDS
        self.knows_service = False  # whether it does was told (AT+CSMS)
        self._smsc = smsc
        self.has_smsc: bool | None = None  # as `find_service_centre`, since the SIM was made ready
        self._slot_command = slot_command
        self._writes = writes
        self._wiring = wiring
        self._clock_follows = False  # the network sets its clock
        self._clock = network_clock.Observer()
        self._ussd_session = UssdSession(channel, self._commands.patience.ussd)
        self._links_parts = True  # it did not refuse AT+CMMS yet
        self._linked: int | None = None  # the message whose parts the link is kept for

    @property
    def identity(self) -> Identity:
        """What the modem says it is."""
        return self._commands.identity

    @property
    def patience(self) -> Patience:
        """How long to wait for what."""
        return self._commands.patience

    @property
    def profile(self) -> Profile:
        """The family it belongs to."""
        return self._commands.profile

    @property
    def name(self) -> str:
        """The model for a person to read."""
        return self._commands.name

    # Starting

    def begin(self) -> None:
        """Bring the modem in step, make it speak plainly, learn what it is, and switch its radio on."""
        self.greet()
        self.storage.forget()
        self.mode.forget()
        radio = self._commands.attempt("AT+CFUN?", "+CFUN")
        mode = fields(radio.lines[0])[0] if radio.lines else ""
        if mode.isdecimal() and int(mode) != 1:  # never otherwise: on a Wavecom it restarts the modem
            self._commands.attempt("AT+CFUN=1", timeout_s=self._commands.patience.function_s)

    def greet(self) -> None:
        """Bring the modem in step, make it speak plainly, and learn what it is; change nothing that lasts."""
        self._commands.begin_anew(other=False)
        self.channel.restarted = False
        self.channel.resync()
        if not self._commands.attempt("ATE0V1Q0").ok:
            for command in ("ATE0", "ATV1", "ATQ0"):
                self._commands.attempt(command)
        self._commands.attempt("AT+CMEE=1")
        self.identify()

    @property
    def is_identified(self) -> bool:
        """Whether the modem said what it is. Until then its vendor's manners and error codes are not known."""
        identity = self._commands.identity
        return bool(identity.manufacturer and identity.model and identity.imei)

    def identify(self) -> bool:
        """Learn what the modem is, and whether something new came.

        Asked again after each start, because another modem may have been put in its place.
        """
        manufacturer, model, revision, serial = (
            self._word(command) for command in ("+CGMI", "+CGMM", "+CGMR", "+CGSN")
        )
        imei = _IMEI.search(serial)
        found = Identity(manufacturer, model, revision, imei.group() if imei else "")
        before = self._commands.identity
        known = before.supplemented(found)
        if known is None:
            self._forget()
            known = found
        if known == before:
            return False
        self._commands.identity = known
        self._commands.profile = profile_for(known.manufacturer, known.model)
        self.channel.vendor = self.profile.vendor
        self.channel.pause_s = self.profile.pause_s
        return True

    def takes_pdus(self) -> bool:
        """Whether the modem takes texts as PDUs on this line (27.005, 3.2.3)."""
        return self._commands.patiently("AT+CMGF=0").ok

    def find_service_centre(self) -> bool | None:
        """Whether the SIM has a service centre (27.005, 3.3.1); None where the modem does not say."""
        answer = self._commands.patiently("AT+CSCA?", "+CSCA")
        if answer.ok:
            if not answer.lines:
                return None  # an OK alone says nothing of it
            return any(char.isdigit() for char in fields(answer.lines[0])[0])
        return False if code_of(answer.result) == ("CMS", 330) else None

    def prepare(self) -> None:
        """Set everything volatile that texts need: PDU mode, memories, service centre, indications.

        What the modem refuses may only be too early; see `modem.port.modem_settings`.
        """
        self.mode.set(patient=True)
        self._commands.attempt('AT+CSCS="GSM"')
        self.choose_service()
        self.choose_memories()
        self._set_service_centre()
        for command in ("AT+CREG=1", "AT+CGREG=1", "AT+CEREG=1", "AT+COPS=3,0"):
            self._commands.attempt(command, "+COPS")
        for setting in self.profile.also:
            persistent_settings.settle(self._commands, (setting,))
        if self.profile.urc_port:
            persistent_settings.settle(self._commands, persistent_settings.announcements(self._wiring()))
        self._clock_follows = persistent_settings.settle(self._commands, self.profile.clock)
        self.notifications.choose()

    def choose_service(self) -> None:
        """Have the modem pass texts on without waiting for +CNMA, or learn that it waits (27.005, 3.2.1)."""
        if self._commands.attempt("AT+CSMS=0", "+CSMS").ok:
            self.acknowledges, self.knows_service = False, True
            return
        service = self._commands.attempt("AT+CSMS?", "+CSMS")
        self.acknowledges = bool(service.lines) and fields(service.lines[0])[0] == "1"
        self.knows_service = bool(service.lines)

    def choose_memories(self, *, again: bool = False) -> None:
        """Choose where texts lie, and where parts are written. `again`: only for a better one than the last time."""
        self.storage.choose(patient=not again, only_better=again)
        if self._writes:
            self.storage.write_to()

    def pause(self) -> None:
        """Leave the modem a moment for what it has yet to do."""
        self.channel.pause(self._commands.patience.again_s)

    def reset(self) -> None:
        """Restart the modem. It may be gone for half a minute; open its device anew."""
        self._commands.attempt(self.profile.reset, timeout_s=self._commands.patience.function_s)

    def answers(self, timeout_s: float) -> bool:
        """Whether the modem says OK."""
        return self._commands.attempt("AT", timeout_s=timeout_s).ok

    def network_time(self) -> int | None:
        """What its clock says, in microseconds since the epoch; None where the network does not set it, or it stands."""
        if not self._clock_follows:
            return None
        answer = self._commands.attempt("AT+CCLK?", "+CCLK")
        told = network_clock.read(answer.lines[0]) if answer.lines else None
        return told if told is not None and self._clock.goes(told, monotonic()) else None

    # Texts

    def submit(
        self, submission: Submission, timeout_s: float, meanwhile: Callable[[], None]
    ) -> Submitted | Refused | InDoubt:
        """Hand one part to the network; `meanwhile` is called while that works on it.

        What is refused at once for a passing reason is tried again at once.
        """
        pdu = _pdu(submission)
        if isinstance(pdu, Refused):
            return pdu
        self._keep_link(submission)
        return self._insist(
            lambda: (
                self._wrong_mode() or handover.submit(self.channel, pdu.length, pdu.hex, timeout_s, meanwhile)
            )
        )

    def write(self, submission: Submission) -> Place | Refused:
        """Write one part to the modem's memory, to be sent from there. Tried again as in `submit`.

        A refusal with a LOCAL cause leaves open whether it lies there; nothing of it was sent.
        """
        pdu = _pdu(submission)
        if isinstance(pdu, Refused):
            return pdu
        memory = self.storage.outgoing
        if memory is None:
            return Refused(cause("CMS", _NOT_SUPPORTED))
        self._keep_link(submission)
        patience_s = self._commands.patience.sim_s
        index = self._insist(
            lambda: self._wrong_mode() or handover.write(self.channel, pdu.length, pdu.hex, patience_s)
        )
        return Place(memory, index) if isinstance(index, int) else index

    def send_written(
        self, place: Place, timeout_s: float, meanwhile: Callable[[], None]
    ) -> Submitted | Refused | InDoubt:
        """Send what `write` wrote. Tried again as in `submit`."""
        return self._insist(lambda: handover.send_written(self.channel, place.index, timeout_s, meanwhile))

    def fate(self, submission: Submission, place: Place) -> Fate | None:
        """What the modem's memory says of a part that was written there; None where it cannot be read now."""
        record = self.storage.record(place.index, place.memory)
        if record is None:
            return Fate.GONE if self.storage.is_empty(place.index, place.memory) else None
        return fate_of(record, submission)

    def _wrong_mode(self) -> Refused | None:
        """Why no PDU can be typed now; None where the modem is in PDU mode.

        Asked before each PDU: a modem that fell back to text mode says nothing of it, prompts all the same, and sends
        the PDU as a text to a number that nobody meant.
        """
        try:
            if self.mode.ensure():
                return None
        except DeviceGoneError:
            return Refused(cause("LOCAL", DEVICE_GONE))
        except ChannelError as error:
            log.warning("%s: no part was handed over: %s", self.channel.name, error)
            return Refused(cause("LOCAL", NO_PROMPT))
        return Refused(cause("LOCAL", TEXT_MODE if self.channel.in_step else NO_PROMPT))

    def _keep_link(self, submission: Submission) -> None:
        """Have the link to the network kept for the parts of a long text that follow (27.005, 3.5.6): they go out in half
        the time. Said once for each message, because the modem drops the link by itself some seconds after a part.
        """
        if submission.seq >= submission.total or submission.message_id == self._linked:
            return
        if not (self.profile.links_parts and self._links_parts):
            return
        self._linked = submission.message_id
        self._links_parts = self._commands.attempt("AT+CMMS=1").ok

    def hang_up(self) -> bool:
        """End an incoming call (27.007, 6.5; V.250, 6.3.6). Whether the modem says so."""
        return self._commands.attempt("AT+CHUP").ok or self._commands.attempt("ATH").ok

    def _insist(self, say: Callable[[], T]) -> T:
        """Hand over again what is refused at once for a passing reason."""
        # 304 and 305 are also said in the wrong mode, which is looked at again before each PDU.
        again = {("CMS", 330): 1, ("CMS", 305): 1}
        busy = 3
        while True:
            try:
                outcome = say()
            finally:
                slowly, self.channel.slowly = self.channel.slowly, False
            if not isinstance(outcome, Refused) or not self.channel.in_step:
                return outcome
            code = (outcome.cause.family, outcome.cause.code)
            if code in BUSY and busy:
                busy -= 1
                self.channel.pause(self._commands.patience.again_s)
            elif outcome.cause.malformed and not slowly and code not in again:
                # Octets may have been lost on the line: old UARTs lose what comes too fast.
                self.channel.pause(self._commands.patience.again_s)
                self.channel.slowly = True
            elif code[1] is not None and again.pop((code[0], code[1]), 0):
                if code[1] == 330 and not self._set_service_centre(missing=True):
                    return outcome
            else:
                return outcome

    @property
    def read_from(self) -> tuple[str | None, ...]:
        """Where texts and reports may come to lie, to be read now and again; None is the usual memory."""
        stores_reports = self.notifications.stores_reports and self.storage.keeps_reports
        return (None, REPORTS_MEMORY) if stores_reports else (None,)

    def acknowledge(self) -> None:
        """Tell the network that a +CMT or +CDS came, where the modem insists on it (27.005, 3.4.4)."""
        if self.acknowledges:
            self._commands.attempt("AT+CNMA")

    # USSD

    def ussd(self, codes: Sequence[str]) -> tuple[Reply, ...]:
        """Ask the network (see `UssdSession.ask`). Raises UssdRefusedError, UssdSilentError."""
        return self._ussd_session.ask(self.profile.ussd, codes)

    # Slots

    @property
    def slot_ways(self) -> tuple[tuple[str, ...], ...]:
        """The ways that the modem may know to change the slot, in the order in which they are worth trying."""
        if self._slot_command is not None:
            return ((self._slot_command,),)
        return (*self.profile.slot_commands, CSUS)

    def switch(self, slot: int, way: tuple[str, ...]) -> bool:
        """Make `slot` the active one. Whether the modem says so, which some do and change nothing.

        The SIM is to be looked at anew, and everything volatile set again.
        """
        done = False
        for command in way:
            said = command.replace("{slot}", str(slot)).replace("{index}", str(slot - 1))
            answer = self._commands.attempt(said, timeout_s=self._commands.patience.function_s)
            if said != command:
                done = answer.ok
        return done

    # Inside

    def _forget(self) -> None:
        """Another modem is at the other end: forget all that was learned of the last one."""
        self._commands.begin_anew(other=True)
        self.sim = SimCard(self._commands)
        self.network = NetworkRegistration(self._commands)
        self.mode = PduMode(self._commands)
        self.storage = MessageStorage(self._commands, self.mode)
        self.notifications = Notifications(self._commands)
        self.acknowledges = self.knows_service = self._clock_follows = False
        self.has_smsc = None
        self._ussd_session = UssdSession(self.channel, self._commands.patience.ussd)
        self._links_parts, self._linked = True, None

    def _word(self, name: str) -> str:
        """The answer to a command that answers with bare text, in some modems behind its own name."""
        for _ in range(_IDENTITY_TRIES):
            answer = self._commands.attempt(f"AT{name}", name, bare=True)
            if answer.lines or not answer.ok:
                break
        if not answer.ok or not answer.lines:
            return ""
        line = answer.lines[0]
        return (line.partition(":")[2] if tag(line) == name else line).replace('"', "").strip()

    def _set_service_centre(self, *, missing: bool = False) -> bool:
        """Give the SIM the configured service centre where it has none. Whether one was set.

        `missing`: a submission was refused for want of one, which counts where the modem does not say.
        """
        found = self.find_service_centre()
        self.has_smsc = False if found is None and missing else found
        if self._smsc is None or self.has_smsc is not False:
            return False
        kind = 145 if self._smsc.startswith("+") else 129
        set_it = f'AT+CSCA="{self._smsc}",{kind}'
        self.has_smsc = self._commands.attempt(set_it, timeout_s=self._commands.patience.sim_s).ok
        return self.has_smsc


def fate_of(record: Record, submission: Submission) -> Fate:
    """What a record in a modem's memory says of a part; GONE where it is another's."""
    pdu = _pdu(submission)
    ours = None if isinstance(pdu, Refused) else essence(pdu.hex)
    found = essence(record.pdu)
    if ours is None or found is None or not found.startswith(ours):  # a memory may have filler behind it
        return Fate.GONE
    return {SENT: Fate.SENT, UNSENT: Fate.UNSENT}.get(record.stat, Fate.GONE)


def _pdu(submission: Submission) -> tpdu.Pdu | Refused:
    """The SMS-SUBMIT of a part, or why there is none."""
    try:
        return tpdu.submit(
            submission.recipient,
            submission.segment,
            seq=1 if submission.alone else submission.seq,
            total=1 if submission.alone else submission.total,
            reference=submission.reference,
            validity_s=submission.validity_s,
            reject_duplicates=submission.reject_duplicates,
            message_reference=submission.message_reference,
        )
    except ValueError as error:
        log.error("part %d of message %d cannot be sent: %s", submission.seq, submission.message_id, error)
        return Refused(cause("LOCAL", UNENCODABLE))
