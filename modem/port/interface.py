"""What passes between a port and the house above it.

A port knows nothing of messages, companies or SQL. It asks a `Work` what to do next and tells it what
happened; everything that crosses is frozen, so that threads share nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from modem.errors import Cause
from modem.port.conditions import Condition
from modem.sms.segmentation import Segment
from modem.sms.tpdu import Deliver, StatusReport


class PortState(Enum):
    """Where a port stands between its device and its first submission."""

    ABSENT = "absent"  # the device is not there, or cannot be opened; it is looked for until it comes
    STARTING = "starting"  # open; the modem is being brought in step, or the SIM unlocked and identified
    UP = "up"  # the modem answers and its SIM is identified: it takes work once registered
    SICK = "sick"  # the modem stopped answering, or has no SIM that works; tried again after a rest
    STOPPED = "stopped"  # the port was told to stop


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


@dataclass(frozen=True, slots=True)
class SlotStatus:
    """The last word about one slot of a port."""

    slot: int
    sim: SimState = SimState.UNKNOWN
    # Where the modem tells no ICCID: "imsi:" and the IMSI; where it tells neither: "port:<port>/slot:<slot>".
    iccid: str = ""
    imsi: str = ""
    number: str = (
        ""  # E.164 where the card says that it is international, else as the card has it, "" without one
    )
    operator: str = ""  # its name, or the five or six digits of its number
    registration: Registration = Registration.UNKNOWN
    signal_dbm: int | None = None
    has_smsc: bool | None = None  # whether it has a service centre; None: not known


@dataclass(frozen=True, slots=True)
class PortStatus:
    """The last word about a port: a snapshot, published whole whenever something in it changes."""

    port: int
    device: str
    state: PortState
    detail: str  # one sentence for the operator: what is, and what can be done about it
    slots: tuple[SlotStatus, ...]
    active_slot: int
    busy: bool = False  # a submission is in the air
    imei: str = ""
    model: str = ""
    switches: int = 0  # to another slot, since the start
    switch_s: float = 0.0  # what one costs on average, from the order until the SIM is registered
    # Microseconds since the epoch as the modem has them from its network, and when it told them (monotonic).
    network_time: tuple[int, float] | None = None
    conditions: tuple[
        Condition, ...
    ] = ()  # what needs an operator though the port works, in the order of the enum

    @property
    def active(self) -> SlotStatus:
        """The slot whose SIM the modem is using."""
        return self.slots[self.active_slot - 1]


class Via(Enum):
    """How a part is handed to the network."""

    DIRECT = "direct"  # AT+CMGS
    STORAGE = "storage"  # written to the modem's memory (AT+CMGW), sent from there (AT+CMSS), then deleted


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part lies in a modem: the name of a memory, and an index in it."""

    memory: str
    index: int


@dataclass(frozen=True, slots=True)
class Submission:
    """One part, claimed for this port: hand it to the network, once.

    `message_id`, `seq` and `token` come back unchanged in the `Outcome`; they mean nothing to the port.
    """

    message_id: int
    seq: int  # 1-based, also the sequence number in the concatenation header
    total: int
    token: int
    recipient: str  # E.164
    segment: Segment
    reference: int  # the message's 8-bit concatenation reference (23.040, 9.2.3.24.1)
    validity_s: int | None = None  # how long the network may go on trying (TP-VP); None: its own default
    alone: bool = False  # it goes out as a text of its own, without a concatenation header
    message_reference: int = 0  # the TP-MR asked for; most modems take their own
    reject_duplicates: bool = False  # TP-RD: an earlier try of this part may have been taken
    via: Via = Via.DIRECT
    # Of a part sent from memory: whether it is known that this model marks there what it sent. Else that is to be
    # looked at, and told (see `Work.learned`).
    marks: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """Which part, and which try of it: see `Submission`."""

    message_id: int
    seq: int
    token: int


@dataclass(frozen=True, slots=True)
class Switch:
    """Make another slot of the port the active one."""

    slot: int


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do for `seconds` (None: until woken)."""

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """The network took the part. `reference` is the TP-MR, None where the modem did not tell it."""

    reference: int | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The modem or the network said no: the part was not sent."""

    cause: Cause


@dataclass(frozen=True, slots=True)
class InDoubt:
    """Nobody knows: the modem took the PDU and never said what became of it.

    `asked`: nor will it, though the part still lies in its memory.
    """

    reason: str
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a submission. `started_at` and `ended_at` are monotonic seconds of the port's clock."""

    submission: Submission
    result: Submitted | Refused | InDoubt
    started_at: float
    ended_at: float


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A stored PDU that could not be read as 23.040 says, kept as the modem told it."""

    pdu: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A port's reply to `Port.ask`: does the modem say OK?"""

    port: int
    ok: bool
    busy: bool  # told by its last word, because a submission was in the air
    detail: str


class Storage(Enum):
    """What a model of modem makes of parts that are sent from its memory."""

    MARKS = "marks"  # it tells there what it sent
    NO_MARKS = "no_marks"  # it sends, and tells nothing: a crash would leave as much in doubt as without
    CANNOT = "cannot"  # it does not write, or does not send from there


class Fate(Enum):
    """What a modem's memory says of a part that was written to it."""

    SENT = "sent"
    UNSENT = "unsent"
    GONE = "gone"  # it is not there, or says nothing that counts


@dataclass(frozen=True, slots=True)
class Kept:
    """A part that an older connection wrote to this modem's memory, or was about to write.

    `place`: None where the modem was never heard to have written it; of such nothing was sent.
    `settled`: what became of it is known already, and only its place is to be emptied.
    `unsure_s`: for so long the modem may still be about to send it, and "unsent" says nothing.
    """

    submission: Submission
    place: Place | None
    settled: bool
    unsure_s: float


class WorkUnavailableError(Exception):
    """The house can keep nothing just now (no disk); the port pauses and asks again."""


@dataclass(frozen=True, slots=True)
class Reported:
    """A status report, and what the port was when it came: another SIM may be active by now."""

    status: PortStatus
    report: StatusReport


class Work(Protocol):
    """What a port needs of the house above it.

    Called from the port's thread alone. A call returns once what it says is durably kept, and raises
    `WorkUnavailableError` where it cannot be.
    """

    def status(self, status: PortStatus) -> None:
        """Take note of a port's new state. Never blocks on the disk, but for a SIM seen for the first time."""

    def next(
        self, status: PortStatus, outcome: Outcome | None, reports: Sequence[Reported] = ()
    ) -> Submission | Switch | Rest:
        """Settle the outcome of the last submission, keep the reports that came meanwhile (as `reported`), and claim the
        next one, in one transaction.

        `status.active` tells which SIM would carry it. A submission is only claimed where `status.state` is UP and
        `status.active.registration.carries_sms`; a port that was lost, is in trouble, stops, or has something else to
        do first calls with another state to have its last outcome settled. A port with several slots asks without a network too, to be told to switch.
        """

    def stored(self, status: PortStatus, submission: Submission, place: Place | None) -> None:
        """Keep where a part lies, before it is sent from there; None: it is handed over directly after all."""

    def learned(self, status: PortStatus, storage: Storage) -> None:
        """Remember what this model of modem makes of parts in its memory."""

    def in_memory(self, status: PortStatus) -> tuple[Kept, ...]:
        """What of ours may lie in the memory of this modem, as far as its active SIM shows it. Asked before the first
        `next` of a connection, and whenever the modem was brought up anew.
        """

    def found(self, status: PortStatus, kept: Kept, fate: Fate) -> None:
        """Settle a part in doubt by what the modem's memory says of it."""

    def emptied(self, status: PortStatus, kept: Kept) -> None:
        """Forget a place: nothing of ours lies there any more."""

    def busy_s(self, port: int) -> float:
        """For how many seconds the modem may still be busy with what an older connection handed to it."""

    def told_late(self, status: PortStatus, reference: int | None) -> None:
        """The modem said which TP-MR a part got when nobody waited for that any more: it is the part in doubt."""

    def recovered(self, status: PortStatus, claim: Claim, result: Submitted | Refused) -> None:
        """Settle the part that an older process had in the air by what its modem said, or by how far it got. One that is
        not in doubt any more stays as it is.
        """

    def received(self, status: PortStatus, text: Deliver | Unreadable) -> None:
        """Keep an inbound text; the port deletes it from the modem after this returned."""

    def deleted(self, status: PortStatus, text: Deliver) -> None:
        """The modem confirmed that a text without a date (`Deliver.has_date`) is deleted: the same once more is another."""

    def reported(self, status: PortStatus, report: StatusReport) -> None:
        """Keep what a status report says of a part sent from this SIM.

        It may come before the outcome of that part was settled: keep what may be about it until then.
        """

    def try_pin(self, iccid: str, port: int, pin: str, attempts_left: int | None) -> bool:
        """Whether this PIN may be tried now on this SIM (or, unnamed, this port's); that it is tried is kept first.

        False once it was refused, or where a former try was cut short: unless the card, whose `attempts_left` the
        modem may tell, shows that it never got there.
        """

    def pin_tried(self, iccid: str, port: int, pin: str, *, accepted: bool) -> None:
        """Remember durably whether this PIN is right, so that no restart tries a wrong one again."""
