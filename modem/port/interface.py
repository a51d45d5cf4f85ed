"""What passes between a port and the house above it.

A port knows nothing of messages, companies or SQL. It asks a `Work` what to do next and tells it what
happened; everything that crosses is frozen, so that threads share nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from modem.parts import Fate, InDoubt, Place, Refused, Submission, Submitted
from modem.port.status import PortStatus
from modem.sms.tpdu import Deliver, StatusReport


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


class Storage(Enum):
    """What a model of modem makes of parts that are sent from its memory."""

    MARKS = "marks"  # it tells there what it sent
    NO_MARKS = "no_marks"  # it sends, and tells nothing: a crash would leave as much in doubt as without
    CANNOT = "cannot"  # it does not write, or does not send from there


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
