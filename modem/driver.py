"""What a modem can do: identify itself and its SIM, unlock, submit, read, delete, ask by USSD, switch slot, reset.

Every step is tolerant: a modem that answers nothing but AT, AT+CMGF=0 and AT+CMGS can be used. Methods raise
`modem.at.DeviceGoneError` and `modem.at.OutOfStepError` where the modem is beyond reach, and nothing else but what
they name.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Final

from modem import network_clock, tpdu
from modem.at import Channel, ChannelError, Response, SilentError
from modem.dialogue import Dialogue, UssdPatience
from modem.errors import UNENCODABLE, cause
from modem.lines import ERROR, Result, fields, tag
from modem.profiles import CPINR, CSUS, PLAIN, Profile, profile_for
from modem.ussd import Reply
from modem.work import InDoubt, Refused, Registration, SimState, Submission, Submitted

log = logging.getLogger(__name__)

# Ways to have texts announced and reports delivered, the best first (27.005, 3.4.1). Mode 2 keeps URCs while the line
# is reserved, but many Qualcomm, SIMCom, Quectel and Huawei modems only take 1; reports come straight (ds 1) or
# through storage (ds 2); a modem that does neither still announces texts. Texts that come straight (mt 2) are lost
# where this program dies between two lines: only for a modem that cannot store them.
_ANNOUNCED: Final = 1
_STRAIGHT: Final = 2
_INDICATIONS: Final = tuple(
    (mode, texts, broadcast, reports, buffer)
    for texts in (_ANNOUNCED, _STRAIGHT)
    for reports in (1, 2, 0)
    for mode in (2, 1, 3)
    for broadcast in (0, 2)
    for buffer in (0, 1)
)
_STORES_REPORTS: Final = 2  # the <ds> of these
_PDU_MODE_TRIES: Final = 3  # an answer may be lost on the line
_MUTE_SILENCES: Final = 3  # commands without an answer, of a modem that answers AT
_MEMORIES: Final = ("SM", "ME")  # the SIM's first: texts stay with their number
_REPORTS_MEMORY: Final = "SR"
_MESSAGE_INDICATORS: Final = frozenset({"message", "smsfull"})  # 27.007, 8.9
_BUSY: Final = frozenset({("CME", 14), ("CMS", 314), ("CME", 515), ("CMS", 515), ("CMS", 532)})
_GONE_INDEX: Final = frozenset({("CMS", 321), ("CME", 21), ("CME", 22)})
_SIM_STATES: Final = {
    ("CME", 10): SimState.ABSENT,
    ("CMS", 310): SimState.ABSENT,
    ("CME", 11): SimState.PIN_REQUIRED,
    ("CMS", 311): SimState.PIN_REQUIRED,
    ("CME", 12): SimState.PUK_REQUIRED,
    ("CMS", 316): SimState.PUK_REQUIRED,
    ("CMS", 313): SimState.FAILURE,
    ("CMS", 315): SimState.FAILURE,
    **{("CME", code): SimState.FAILURE for code in (5, 6, 7, 13, 15, *range(40, 49))},
}

_ICCID: Final = re.compile(r"(?<![0-9A-Fa-f])([0-9]{17,20})[Ff]{0,3}(?![0-9A-Fa-f])")
_IMSI: Final = re.compile(r"(?<![0-9])[0-9]{14,15}(?![0-9])")
_IMEI: Final = re.compile(r"(?<![0-9])[0-9]{14,16}(?![0-9])")
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

_SENT_STATES: Final = frozenset({"2", "3"})  # stored outgoing messages (27.005, 3.1, <stat>)


class UnusableError(ChannelError):
    """The modem answers, but cannot be used for texts."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what, in seconds. Tests shorten these."""

    command_s: float = 5.0  # as `at.ANSWER_S`
    sim_s: float = 20.0  # Telit lets a command to the SIM take that long
    function_s: float = 15.0  # +CFUN: Quectel's maximum
    list_s: float = 60.0  # 100 messages are 36 s of line time at 9600 baud
    busy_s: float = 30.0  # a SIM is busy for up to 20 s after it was started
    again_s: float = 1.0  # between two tries of what was busy
    slot_s: float = 20.0  # until another SIM answers than before the switch
    mute_s: float = 2.0  # for a modem that answers what it knows at once and nothing else at all
    appear_s: float = 5.0  # after which a slot where none answers is empty
    ussd: UssdPatience = field(default_factory=UssdPatience)


@dataclass(frozen=True, slots=True)
class Identity:
    """What the modem says it is (27.007, 5)."""

    manufacturer: str = ""
    model: str = ""
    revision: str = ""
    imei: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """A message in a memory of the modem, as it tells it. `pdu` is "" where it tells none."""

    index: int
    pdu: str


class Modem:
    """A modem at the other end of a channel."""

    def __init__(
        self,
        channel: Channel,
        *,
        smsc: str | None = None,
        slot_command: str | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.channel = channel
        self.identity = Identity()
        self.profile: Profile = PLAIN
        self.other_memories: tuple[str, ...] = ()  # where texts may lie from before this program came
        self.indications: tuple[int, ...] | None = None  # what AT+CNMI took
        self.acknowledges = False  # the modem waits for +CNMA after each +CMT and +CDS
        self._smsc = smsc
        self._slot_command = slot_command
        self._patience = patience or Patience()
        self.usual_memory: str | None = None  # where texts go now; None: not known
        self._memory: str | None = None  # what is read and deleted from; None: not known
        self._memory_count = 1  # how many memories +CPMS wants to be told
        self._memories: tuple[str, ...] | None = None  # that the modem has; None: not asked yet
        self._message_indicators: frozenset[str] | None = None  # likewise
        self._iccid_command: str | None = None
        self._silences = 0
        self._clock_follows = False  # the network sets its clock
        self._dialogue = Dialogue(channel, self._patience.ussd)

    # Starting

    def begin(self) -> None:
        """Bring the modem in step, make it speak plainly, learn what it is, and switch its radio on."""
        self.greet()
        self._memory = self._memories = None
        radio = self._try("AT+CFUN?", "+CFUN")
        mode = fields(radio.lines[0])[0] if radio.lines else ""
        if mode.isdecimal() and int(mode) != 1:  # never otherwise: on a Wavecom it restarts the modem
            self._try("AT+CFUN=1", timeout_s=self._patience.function_s)

    def greet(self) -> None:
        """Bring the modem in step, make it speak plainly, and learn what it is; change nothing that lasts."""
        self._silences = 0
        self.channel.restarted = False
        self.channel.resync()
        if not self._try("ATE0V1Q0").ok:
            for command in ("ATE0", "ATV1", "ATQ0"):
                self._try(command)
        self._try("AT+CMEE=1")
        if not self.identity.imei:
            self._identify()

    def takes_pdus(self) -> bool:
        """Whether the modem takes texts as PDUs on this line (27.005, 3.2.3)."""
        return self._patiently("AT+CMGF=0").ok

    def prepare(self) -> None:
        """Set everything volatile that texts need: PDU mode, memories, service centre, indications.

        Raises UnusableError.
        """
        self._choose_pdu_mode()
        self._try('AT+CSCS="GSM"')
        if not self._try("AT+CSMS=0", "+CSMS").ok:
            service = self._try("AT+CSMS?", "+CSMS")
            self.acknowledges = bool(service.lines) and fields(service.lines[0])[0] == "1"
        self._choose_memory()
        self._set_service_centre()
        for command in ("AT+CREG=1", "AT+CGREG=1", "AT+CEREG=1", "AT+COPS=3,0", *self.profile.also):
            self._try(command, "+COPS")
        self._clock_follows = any(self._try(command).ok for command in self.profile.clock)
        self._set_indications()

    @property
    def name(self) -> str:
        """The model for a person to read."""
        return " ".join(filter(None, (self.identity.manufacturer, self.identity.model))) or "the modem"

    @property
    def tells_iccid(self) -> bool:
        """Whether it once told the number of a card."""
        return self._iccid_command is not None

    def reset(self) -> None:
        """Restart the modem. It may be gone for half a minute; open its device anew."""
        self._try(self.profile.reset, timeout_s=self._patience.function_s)

    def answers(self, timeout_s: float) -> bool:
        """Whether the modem says OK."""
        return self._try("AT", timeout_s=timeout_s).ok

    # The SIM

    def sim_state(self) -> SimState:
        """Ask for the state of the SIM, waiting while it is busy. A modem that cannot say has a SIM that is ready."""
        deadline = monotonic() + self._patience.busy_s
        while True:
            state = self._sim_state_now()
            if state is not SimState.UNKNOWN:
                return state
            if monotonic() >= deadline:
                return SimState.FAILURE
            self.channel.pause(self._patience.again_s)

    def pin_attempts(self) -> int | None:
        """How often a PIN may still be tried before the SIM asks for its PUK, None where the modem does not say."""
        for command, prefix, position in filter(None, (self.profile.pin_attempts, CPINR)):
            answer = self._try(command, prefix, timeout_s=self._patience.sim_s)
            for line in answer.lines:
                parts = fields(line)
                if len(parts) > position and parts[position].isdecimal():
                    return int(parts[position])
        return None

    def enter_pin(self, pin: str) -> bool:
        """Try a PIN, once. False: it did not open the SIM; say nothing of it again until a person changed it."""
        answer = self._try(f'AT+CPIN="{pin}"', timeout_s=self._patience.sim_s)
        state = self.sim_state()
        return state is SimState.READY or (answer.ok and state is not SimState.PIN_REQUIRED)

    def iccid(self) -> str:
        """The number of the card, without filler; "" where the modem does not tell it."""
        known = (self._iccid_command,) if self._iccid_command else ()
        common = ("AT+CCID", "AT+ICCID", "AT^ICCID?", "AT+QCCID", "AT#CCID", "AT+CICCID")
        # The file itself is the last way (27.007, 8.18; 31.102, 2FE2).
        for command in dict.fromkeys((*known, *self.profile.iccid, *common, "AT+CRSM=176,12258,0,0,10")):
            answer = self._patiently(command, *_ICCID_TAGS)
            for line in answer.lines:
                if found := _iccid_in(line):
                    self._iccid_command = command
                    return found
            if self._mute:
                break
        return ""

    def imsi(self) -> str:
        """The subscriber's identity; "" where the modem does not tell it."""
        for command in ("AT+CIMI", "AT+CIMI?"):
            for line in self._patiently(command, "+CIMI").lines:
                if found := _IMSI.search(line):
                    return found.group()
        return ""

    def own_number(self) -> str:
        """What the card says its number is: E.164 where it says international, "" where it has none."""
        for line in self._patiently("AT+CNUM", "+CNUM").lines:
            parts = fields(line)
            number = parts[1] if len(parts) > 1 else ""
            digits = number.lstrip("+")
            if digits.isascii() and digits.isdigit():
                international = number.startswith("+") or (len(parts) > 2 and parts[2] == "145")
                return f"+{digits}" if international else digits
        return ""

    # The network

    def registration(self) -> Registration:
        """The best of what +CREG, +CEREG and +CGREG say; HOME where the modem can say nothing of it."""
        said: list[Registration] = []
        for name in ("CREG", "CEREG", "CGREG"):
            if (state := self._registration_of(name)) is not None:
                if state.carries_sms:
                    return state
                said.append(state)
        for state in (Registration.SEARCHING, Registration.DENIED):
            if state in said:
                return state
        return said[0] if said else Registration.HOME

    def signal_dbm(self) -> int | None:
        """The received signal strength (27.007, 8.5), None where it is not known."""
        answer = self._try("AT+CSQ", "+CSQ")
        rssi = fields(answer.lines[0])[0] if answer.lines else ""
        if not rssi.isdecimal():  # isdigit() takes the superscripts of latin-1 too, which noise brings
            return None
        value = int(rssi)
        if value <= 31:
            return -113 + 2 * value
        return -116 + value - 100 if 100 <= value <= 191 else None  # the scale of TD-SCDMA and LTE modems

    def operator(self) -> str:
        """The name of the network, or its number; "" without one."""
        answer = self._try("AT+COPS?", "+COPS")
        parts = fields(answer.lines[0]) if answer.lines else []
        return parts[2] if len(parts) > 2 else ""

    def network_time(self) -> int | None:
        """What its clock says, in microseconds since the epoch; None where that is not set by the network."""
        if not self._clock_follows:
            return None
        answer = self._try("AT+CCLK?", "+CCLK")
        return network_clock.read(answer.lines[0]) if answer.lines else None

    # Texts

    def submit(
        self, submission: Submission, timeout_s: float, meanwhile: Callable[[], None]
    ) -> Submitted | Refused | InDoubt:
        """Hand one part to the network; `meanwhile` is called while that works on it.

        What is refused at once for a passing reason is tried again at once.
        """
        try:
            pdu = tpdu.submit(
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
            log.error(
                "part %d of message %d cannot be sent: %s", submission.seq, submission.message_id, error
            )
            return Refused(cause("LOCAL", UNENCODABLE))
        again = {("CMS", 330): 1, ("CMS", 304): 1}  # 304 may be one byte lost on the line
        busy = 3
        while True:
            outcome = self.channel.submit(pdu.length, pdu.hex, timeout_s, meanwhile)
            if not isinstance(outcome, Refused) or not self.channel.in_step:
                return outcome
            code = (outcome.cause.family, outcome.cause.code)
            if code in _BUSY and busy:
                busy -= 1
                self.channel.pause(self._patience.again_s)
            elif code[1] is not None and again.pop((code[0], code[1]), 0):
                if code[1] == 330 and not self._set_service_centre():
                    return outcome
            else:
                return outcome

    def stored(self, memory: str | None = None) -> list[Stored] | None:
        """The messages received into a memory (the usual one by default), those without a readable record too.

        None where it cannot be read now.
        """
        if not self._select(memory):
            return None
        answer = self._patiently("AT+CMGL=4", "+CMGL", timeout_s=self._patience.list_s)
        if not answer.ok and not answer.lines:
            return None
        found: list[Stored] = []
        incoming = False
        for line in answer.lines:
            if tag(line) == "+CMGL":
                parts = fields(line)
                incoming = parts[0].isdecimal() and (len(parts) < 2 or parts[1] not in _SENT_STATES)
                if incoming:
                    found.append(Stored(int(parts[0]), ""))
            elif incoming and not found[-1].pdu:
                found[-1] = replace(found[-1], pdu=line)
        return found

    def read(self, index: int, memory: str | None = None) -> Stored | None:
        """One message; None where there is none at `index`, or an outgoing one."""
        if not self._select(memory):
            return None
        answer = self._patiently(f"AT+CMGR={index}", "+CMGR")
        if not answer.ok or not answer.lines or tag(answer.lines[0]) != "+CMGR":
            return None
        head = fields(answer.lines[0])
        if head[0] in _SENT_STATES or (len(answer.lines) == 1 and head[-1] in ("", "0")):
            return None  # some tell of an empty place that its message has no length
        return Stored(index, answer.lines[1] if len(answer.lines) > 1 else "")

    def delete(self, index: int, memory: str | None = None) -> bool:
        """Delete one message. Whether it is gone."""
        if not self._select(memory):
            return False
        answer = self._try(f"AT+CMGD={index}", timeout_s=self._patience.sim_s)
        return answer.ok or _code(answer.result) in _GONE_INDEX

    @property
    def memories(self) -> tuple[str | None, ...]:
        """Where texts and reports may come to lie, to be read now and again; None is the usual memory."""
        stores_reports = (
            self.indications is not None
            and self.indications[3:4] == (_STORES_REPORTS,)
            and _REPORTS_MEMORY in (self._memories or ())
        )
        return (None, _REPORTS_MEMORY) if stores_reports else (None,)

    def filling(self) -> tuple[int, int] | None:
        """How many places of the memory for new texts are taken, and how many there are; None where it is not told.

        Where that is another memory than it was told to use, it is the usual one from now on.
        """
        if self.usual_memory is None:
            return None
        answer = self._try("AT+CPMS?", "+CPMS")
        parts = fields(answer.lines[0]) if answer.lines else []
        name, used, total = parts[-3:] if len(parts) > 2 else ("", "", "")
        if not (used.isdigit() and total.isdigit()):
            return None
        if name.isalpha() and name != self.usual_memory:
            log.info("%s keeps new texts in %s, not in %s", self.name, name, self.usual_memory)
            self.usual_memory = name
        return int(used), int(total)

    def message_indicators(self) -> frozenset[str]:
        """The indicators of +CIEV, by name and number, that speak of texts or of a full memory (27.007, 8.9 and 8.10)."""
        if self._message_indicators is None:
            answer = self._try("AT+CIND=?", "+CIND")
            names = re.findall(r'\(\s*"?([A-Za-z]+)"?\s*,', answer.lines[0]) if answer.lines else []
            numbers = {str(n) for n, name in enumerate(names, 1) if name.lower() in _MESSAGE_INDICATORS}
            self._message_indicators = _MESSAGE_INDICATORS | numbers
        return self._message_indicators

    def acknowledge(self) -> None:
        """Tell the network that a +CMT or +CDS came, where the modem insists on it (27.005, 3.4.4)."""
        if self.acknowledges:
            self._try("AT+CNMA")

    # USSD

    def ussd(self, codes: Sequence[str]) -> tuple[Reply, ...]:
        """Ask the network (see `Dialogue.ask`). Raises UssdRefusedError, UssdSilentError."""
        return self._dialogue.ask(self.profile.ussd, codes)

    # Slots

    def switch(self, slot: int) -> bool:
        """Make `slot` the active one. False: the modem knows no way to. The SIM is to be looked at anew, and
        everything volatile set again.
        """
        if self._slot_command is not None:
            return self._say_switch((self._slot_command,), slot)
        return any(self._say_switch(way, slot) for way in (*self.profile.slot_commands, CSUS))

    def await_other_sim(self, iccid: str) -> bool:
        """Wait until the SIM in the slot is another than `iccid`, or none. False: it stayed the same."""
        began = monotonic()
        while True:
            self.sim_state()
            other = self.iccid() if self.tells_iccid else ""
            waited_s = monotonic() - began
            if other not in ("", iccid) or (
                not other and (waited_s >= self._patience.appear_s or not self.tells_iccid)
            ):
                return True
            if waited_s >= self._patience.slot_s:
                return False
            self.channel.pause(self._patience.again_s)

    # Inside

    def _try(
        self,
        command: str,
        *prefixes: str,
        bare: bool = False,
        timeout_s: float | None = None,
        enough_s: float | None = None,
    ) -> Response:
        """Say a command that may fail; silence is an ERROR."""
        allowed_s = timeout_s or self._patience.command_s
        if self._mute:
            allowed_s = min(allowed_s, self._patience.mute_s)
        try:
            return self.channel.command(command, *prefixes, bare=bare, timeout_s=allowed_s, enough_s=enough_s)
        except SilentError as error:
            self._silences += 1
            self._memory = None  # it may have restarted, and gone back to the one it starts with
            log.info("%s: %s", self.name, error)
            return Response((), ERROR)

    @property
    def _mute(self) -> bool:
        """Whether the modem says nothing to commands that it does not know, instead of ERROR."""
        return self._silences >= _MUTE_SILENCES

    def _patiently(self, command: str, *prefixes: str, timeout_s: float | None = None) -> Response:
        """Say a command that needs the SIM, again and again while that is busy. Its answer may be bare."""
        deadline = monotonic() + self._patience.busy_s
        while True:
            answer = self._try(command, *prefixes, bare=True, timeout_s=timeout_s)
            if _code(answer.result) not in _BUSY or monotonic() >= deadline:
                return answer
            self.channel.pause(self._patience.again_s)

    def _identify(self) -> None:
        manufacturer, model, revision, serial = (
            self._word(command) for command in ("+CGMI", "+CGMM", "+CGMR", "+CGSN")
        )
        imei = _IMEI.search(serial)
        self.identity = Identity(manufacturer, model, revision, imei.group() if imei else "")
        self.profile = profile_for(manufacturer, model)
        self.channel.vendor = self.profile.vendor
        self.channel.pause_s = self.profile.pause_s

    def _word(self, name: str) -> str:
        """The answer to a command that answers with bare text, in some modems behind its own name."""
        answer = self._try(f"AT{name}", name, bare=True)
        if not answer.ok or not answer.lines:
            return ""
        line = answer.lines[0]
        return (line.partition(":")[2] if tag(line) == name else line).replace('"', "").strip()

    def _sim_state_now(self) -> SimState:
        """UNKNOWN while the SIM is busy."""
        # Wavecom answers READY without an OK.
        answer = self._try("AT+CPIN?", "+CPIN", timeout_s=self._patience.sim_s, enough_s=1.0)
        if not answer.lines:
            if _code(answer.result) in _BUSY:
                return SimState.UNKNOWN
            if (state := _SIM_STATES.get(_code(answer.result))) is not None:
                return state
            # A modem that knows the command and cannot answer it has an empty bay; one that does not know it may work.
            knows = not answer.ok and self._try("AT+CPIN=?", "+CPIN").ok
            return SimState.FAILURE if knows else SimState.READY
        said = answer.lines[-1].partition(":")[2].strip(' "').upper()
        if said in ("READY", "SIM PIN2", "SIM PUK2"):  # the second PIN guards nothing that texts need
            return SimState.READY
        return {
            "SIM PIN": SimState.PIN_REQUIRED,
            "SIM PUK": SimState.PUK_REQUIRED,
            "NOT INSERTED": SimState.ABSENT,
            "NOT READY": SimState.UNKNOWN,
        }.get(said, SimState.FAILURE)

    def _registration_of(self, name: str) -> Registration | None:
        answer = self._try(f"AT+{name}?", f"+{name}")
        if answer.lines:
            parts = fields(answer.lines[-1])
            status = parts[1] if len(parts) > 1 else ""
        else:
            # Some answer with OK alone, or in the form of a URC, or after the OK.
            news = [urc for urc in self.channel.urcs if urc.tag == f"+{name}"]
            if not news:
                return None
            status = news[-1].fields[0]
        try:
            return Registration(int(status))
        except ValueError:
            return Registration.UNKNOWN

    def _choose_pdu_mode(self) -> None:
        """In text mode the length of a PDU would be taken for a number, and the PDU sent there as a text."""
        for _ in range(_PDU_MODE_TRIES):
            if self._patiently("AT+CMGF=0").ok:
                return
        mode = self._patiently("AT+CMGF?", "+CMGF")
        if mode.lines and fields(mode.lines[0])[0] == "1":
            raise UnusableError("the modem does not leave text mode (AT+CMGF=0)")
        log.warning("%s does not say OK to PDU mode (AT+CMGF=0), which is taken for its only one", self.name)

    def _choose_memory(self) -> None:
        """Use the SIM's memory for everything, else the modem's, else leave it as it is."""
        before = self._patiently("AT+CPMS?", "+CPMS")
        names = [part for part in (fields(before.lines[0]) if before.lines else []) if part.isalpha()]
        self._memory = self.usual_memory = None
        for memory in _MEMORIES:
            for count in (3, 2, 1):  # Wavecom knows two, some one
                if self._patiently("AT+CPMS=" + ",".join([f'"{memory}"'] * count), "+CPMS").ok:
                    self._memory = self.usual_memory = memory
                    self._memory_count = count
                    break
                if self._mute:
                    break
            if self._memory is not None:
                break
        if self._memory is None:
            return
        others = names[-1:]
        if self._memories is None:
            listed = self._try("AT+CPMS=?", "+CPMS")
            group = re.search(r"\(([^()]*)\)", listed.lines[0]) if listed.lines else None
            self._memories = tuple(re.findall(r"[A-Z]{2}", group[1])) if group else ()
            others += [name for name in (*_MEMORIES, _REPORTS_MEMORY) if name in self._memories]
        self.other_memories = tuple(name for name in dict.fromkeys(others) if name != self._memory)

    def _select(self, memory: str | None) -> bool:
        """Read and delete in `memory` from now on. Whether the modem can."""
        if self.channel.restarted:
            return False  # an index means another message now, which nobody has read
        wanted = memory or self.usual_memory
        if wanted is None or wanted == self._memory:
            return True
        for count in dict.fromkeys((1, self._memory_count)):  # Huawei sticks want all of them alike
            if self._patiently("AT+CPMS=" + ",".join([f'"{wanted}"'] * count), "+CPMS").ok:
                self._memory = wanted
                return True
        return False

    def _set_service_centre(self) -> bool:
        """Give the SIM the configured service centre where it has none. Whether one was set."""
        answer = self._patiently("AT+CSCA?", "+CSCA")
        has_one = (
            answer.ok and bool(answer.lines) and any(char.isdigit() for char in fields(answer.lines[0])[0])
        )
        knows_none = (answer.ok and not has_one) or _code(answer.result) == ("CMS", 330)
        if self._smsc is None or not knows_none:
            return False
        kind = 145 if self._smsc.startswith("+") else 129
        return self._try(f'AT+CSCA="{self._smsc}",{kind}', timeout_s=self._patience.sim_s).ok

    def _set_indications(self) -> None:
        """Take the first form of +CNMI that the modem says OK to: what it lists and what it takes may differ."""
        listed = self._try("AT+CNMI=?", "+CNMI")
        allowed = _ranges(listed.lines[0]) if listed.lines else []
        fitting = [
            form
            for form in _INDICATIONS
            if allowed
            and all(value in allowed[place] for place, value in enumerate(form) if place < len(allowed))
        ]
        announced, straight = (
            [form for form in (*fitting, *_FALLBACK_INDICATIONS) if form[1] == texts]
            for texts in (_ANNOUNCED, _STRAIGHT)
        )
        for form in dict.fromkeys((*announced, *straight)):
            if self._try("AT+CNMI=" + ",".join(map(str, form))).ok:
                self.indications = form
                return
            if self._mute:
                break
        self.indications = None
        log.warning(
            "%s announces neither texts nor reports (AT+CNMI); its memory is read now and then", self.name
        )

    def _say_switch(self, commands: tuple[str, ...], slot: int) -> bool:
        done = False
        for command in commands:
            said = command.replace("{slot}", str(slot)).replace("{index}", str(slot - 1))
            answer = self._try(said, timeout_s=self._patience.function_s)
            if said != command:
                done = answer.ok
        return done


# Tried whatever the modem lists: some list nothing, or what they then refuse.
_FALLBACK_INDICATIONS: Final = (
    (2, 1, 0, 1, 0), (1, 1, 0, 1, 0), (2, 1, 0, 2, 0), (1, 1, 0, 2, 0), (2, 1, 0, 0, 0), (1, 1, 0, 0, 0), (2, 1),
    (2, 2, 0, 1, 0), (1, 2, 0, 1, 0), (2, 2, 0, 0, 0), (1, 2, 0, 0, 0), (2, 2),
)  # fmt: skip


def _code(result: Result) -> tuple[str, int]:
    cause_ = result.cause()
    return (cause_.family, -1 if cause_.code is None else cause_.code)


def _ranges(line: str) -> list[frozenset[int]]:
    """The values that a test command lists: `(0-2),(0,1)` gives {0, 1, 2} and {0, 1}."""
    groups: list[frozenset[int]] = []
    for group in re.findall(r"\(([^()]*)\)", line):
        values: set[int] = set()
        for part in group.split(","):
            low, _, high = part.strip().partition("-")
            if low.isdecimal() and len(low) < 3:
                values.update(range(int(low), int(high if high.isdecimal() and len(high) < 3 else low) + 1))
        groups.append(frozenset(values))
    return groups


def _iccid_in(line: str) -> str:
    """The card number in a line: 17 to 20 digits, perhaps with filler, perhaps with its nibbles swapped."""
    found = _ICCID.search(line)
    if found is not None:
        digits = found.group(1)
        if digits.startswith("98") and len(digits) == 20:  # as in the file: 31.102, 4.2.1 swaps nibbles
            digits = _swapped(digits)
        return digits
    for word in line.replace('"', " ").replace(",", " ").split():
        if len(word) == 20 and word.startswith("98"):
            swapped = _swapped(word).rstrip("Ff")
            if swapped.isascii() and swapped.isdigit():
                return swapped
    return ""


def _swapped(nibbles: str) -> str:
    return "".join(nibbles[place + 1] + nibbles[place] for place in range(0, len(nibbles) - 1, 2))
