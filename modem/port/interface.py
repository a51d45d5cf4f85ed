"""The interface between a port and the gateway above it.

A port knows nothing about messages, companies or SQL. It asks a `Work` for its next order and tells it what happened. All
records that pass between them are frozen, so that threads share nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from modem.parts import InDoubt, Place, Refused, StoredState, Submission, Submitted
from modem.port.status import PortStatus
from modem.sms.tpdu import Deliver, StatusReport


@dataclass(frozen=True, slots=True)
class Claim:
    """Identifies a part and one try of it: see `Submission`."""

    message_id: int
    seq: int
    token: int


@dataclass(frozen=True, slots=True)
class Switch:
    """Make another slot of the port the active one."""

    slot: int


@dataclass(frozen=True, slots=True)
class Rest:
    """No work for `seconds` (None: until woken)."""

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a submission. `started_at` and `ended_at` are monotonic seconds."""

    submission: Submission
    result: Submitted | Refused | InDoubt
    started_at: float
    ended_at: float


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A PDU that could not be parsed by 23.040, as the modem sent it."""

    pdu: str
    reason: str


class Storage(Enum):
    """The behaviour of a modem's model with parts that are sent from its memory."""

    MARKS = "marks"  # it marks sent parts
    NO_MARKS = "no_marks"  # it sends without a mark: after a crash, its memory settles no doubt
    CANNOT = "cannot"  # it does not store parts, or does not send from there


@dataclass(frozen=True, slots=True)
class Kept:
    """A part that an older connection wrote to this modem's memory, or was about to write.

    `place`: None where the modem did not confirm the write; such a part was not sent.
    `settled`: the outcome is known already, and the part only has to be deleted.
    `unsure_s`: for so many seconds the modem may still send it, and "unsent" proves nothing.
    """

    submission: Submission
    place: Place | None
    settled: bool
    unsure_s: float


class WorkUnavailableError(Exception):
    """The gateway can store nothing now (for example, the disk is full). The port pauses and asks again."""


@dataclass(frozen=True, slots=True)
class Reported:
    """A status report, and the port's status when it came: another SIM may be active by now."""

    status: PortStatus
    report: StatusReport


class Work(Protocol):
    """The calls that a port makes to the gateway above it.

    Only the port's thread calls. A call returns once its content is stored durably, and raises
    `WorkUnavailableError` where it cannot be stored.
    """

    def status(self, status: PortStatus) -> None:
        """Take a port's new status. Waits for the disk only when a SIM is seen for the first time."""

    def next(
        self, status: PortStatus, outcome: Outcome | None, reports: Sequence[Reported] = ()
    ) -> Submission | Switch | Rest:
        """In one transaction, settle the last outcome, store the reports that came meanwhile (as `reported`), and claim the
        next part.

        `status.active` is the SIM that would send it. A part is only claimed where `status.state` is UP and
        `status.active.registration.carries_sms`. A port that was lost, is in trouble, stops, or has another task first
        calls with another state to settle its last outcome. A port with several slots also asks without a network: it may
        get an order to switch.
        """

    def stored(self, status: PortStatus, submission: Submission, place: Place | None) -> None:
        """Store the place of a part before it is sent from there; None: it is submitted directly after all."""

    def learned(self, status: PortStatus, storage: Storage) -> None:
        """Remember how this model of modem treats parts in its memory."""

    def in_memory(self, status: PortStatus) -> tuple[Kept, ...]:
        """Return our parts that may be in the memory of this modem, as far as its active SIM can reach it.

        Called before the first `next` of a connection, and whenever the modem was brought up again.
        """

    def found(self, status: PortStatus, kept: Kept, stored_state: StoredState) -> None:
        """Settle a part in doubt by its state in the modem's memory."""

    def emptied(self, status: PortStatus, kept: Kept) -> None:
        """Forget a place: none of our parts is there any more."""

    def busy_s(self, port: int) -> float:
        """Return for how many seconds the modem may still be busy with a part of an older connection."""

    def told_late(self, status: PortStatus, reference: int | None) -> None:
        """Store the TP-MR that the modem reported after the time limit: it belongs to the part in doubt."""

    def recovered(self, status: PortStatus, claim: Claim, result: Submitted | Refused) -> None:
        """Settle the part that an older process was submitting, by the modem's answer or by how far the part got.

        A part that is no longer in doubt stays as it is.
        """

    def received(self, status: PortStatus, text: Deliver | Unreadable) -> None:
        """Store an inbound text. The port deletes it from the modem after this returned."""

    def deleted(self, status: PortStatus, text: Deliver) -> None:
        """A text without a date (`Deliver.has_date`) was deleted from the modem: an equal text that comes later is another."""

    def reported(self, status: PortStatus, report: StatusReport) -> None:
        """Store a status report about a part that was sent from this SIM.

        It may come before the outcome of that part is settled: store it until then.
        """

    def try_pin(self, iccid: str, port: int, pin: str, attempts_left: int | None) -> bool:
        """Return whether this PIN may be tried now on this SIM (with an empty ICCID: on this port). The try is stored first.

        False once the PIN was refused, or where an earlier try was interrupted, unless the SIM's `attempts_left` show
        that this try never reached it.
        """

    def pin_tried(self, iccid: str, port: int, pin: str, *, accepted: bool) -> None:
        """Store whether this PIN is right, so that a wrong one is not tried again after a restart."""
