"""The values that the statements of the shared queue take and give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

WAITING: Final = "waiting"
CLAIMED: Final = "claimed"
STARTED: Final = "started"
IN_DOUBT: Final = "in_doubt"


class EpochOldError(Exception):
    """The epoch under which a box asked is not its present one, or its file is another: it must join anew. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box as it asks: under its epoch, with the incarnation of its file."""

    name: str
    number: int
    epoch: int
    incarnation: str


def given_epoch(epoch: int, *, alive: bool) -> int:
    """The highest epoch that a box itself took: a rescue, which comes once at most between two joins, gave the next one."""
    return epoch if alive else epoch - 1


@dataclass(frozen=True, slots=True)
class Seen:
    """The row of a box as it last saw it. PostgreSQL was restored where it shows less."""

    name: str
    epoch: int
    beat: int


@dataclass(frozen=True, slots=True)
class Epochs:
    """The epochs of a member, before it joins."""

    present: int
    given: int  # the highest that the box itself took (see `BoxRow.given`)
    server: str  # the database as it runs (see `Look.server`)
    taken_there: (
        bool  # by a join there; else it is that of a backup, or of before a restart, or others told it
    )


@dataclass(frozen=True, slots=True)
class Joined:
    """The answer to a join: the box under its new epoch, and how much of its outcomes is kept."""

    box: Box
    acknowledged: int  # the highest number of its outcomes that is kept; 0 for a new incarnation
    journal: int  # the highest state of its journal that it told
    behind: bool  # PostgreSQL knows less than this box was told: it was restored, or is another server
    forgot: bool  # PostgreSQL was restored, and this box does not know all that it sent since the backup


@dataclass(frozen=True, slots=True)
class BoxRow:
    """A box as the others see it. Two equal pairs (epoch, beat) mean that it was silent between two looks."""

    name: str
    number: int
    state: str  # member, left or excluded
    epoch: int
    beat: int
    alive: bool  # it joined, and no box found it dead since
    submit_timeout_s: float
    caught_up: bool
    is_here: bool  # it took its epoch since PostgreSQL was last started; also where its program does not tell
    journal: int
    incarnation: str

    @property
    def given(self) -> int:
        """The highest epoch that the box itself took."""
        return given_epoch(self.epoch, alive=self.alive)


@dataclass(frozen=True, slots=True)
class FleetRow:
    """The settings that all boxes share, and the times of the protocol."""

    time_zone: str
    retention_days: int
    in_doubt: str
    in_doubt_wait_s: float
    max_pending: int
    beat_s: float
    lease_s: float
    dead_after_s: float
    doubt_extra_s: float
    look_s: float
    recovering: bool


@dataclass(frozen=True, slots=True)
class Look:
    """The answer to one look."""

    acknowledged: int
    journal: int
    boxes: tuple[BoxRow, ...]  # the asking one too
    fleet: FleetRow
    copies: Mapping[str, int]  # versions by table name
    duties: Mapping[str, tuple[str | None, int | None]]  # box and epoch by name
    waits: bool  # a message waits that this look did not pass over (see `look`)
    last_message_id: int  # the newest id that the sequence gave
    server: str  # the database as it runs: another one after a restart, and after a restore


@dataclass(frozen=True, slots=True)
class FleetSeen:
    """The other boxes as a box last saw them: by that it finds a PostgreSQL that was restored since."""

    server: str = ""
    # The highest that each took; the box keeps them over a restart.
    epochs: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, BoxRow] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Want:
    """How many messages a SIM of the asking box can take. `helps`: also from the queues of SIMs that are busy."""

    sim_id: int
    count: int
    helps: bool = True


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """A message that is now claimed by the asking box for a SIM, with its row of `messages` by column name."""

    sim_id: int
    bound: bool  # that SIM sent a part of it already
    row: Mapping[str, Any]

    @property
    def message_id(self) -> int:
        """Its id, the same at every box."""
        found: int = self.row["id"]
        return found


@dataclass(frozen=True, slots=True)
class KnownPart:
    """A part as the fleet knows it. `token`, `attempts`: of its last submission, by whichever box."""

    seq: int
    sent: bool  # by the SIM that has the message now: it is not sent again
    reference: int | None  # TP-MR, where it is known
    sent_at: int | None
    token: int  # a box that sends it goes on counting above this
    attempts: int


@dataclass(frozen=True, slots=True)
class Started:
    """A message that is started by the asking box under its present epoch."""

    message_id: int
    sim_id: int
    parts: tuple[KnownPart, ...]


@dataclass(frozen=True, slots=True)
class Stamped:
    """A row that has the present epoch of the asking box now."""

    message_id: int
    state: str  # claimed or started
    sim_id: int
    parts: tuple[KnownPart, ...]


@dataclass(frozen=True, slots=True)
class ListedRow:
    """A row as its box listed it: what a stamp, a release or a loss requires to be so still."""

    message_id: int
    state: str
    epoch: int


@dataclass(frozen=True, slots=True)
class OwnRow:
    """A row that a box has in the queue."""

    message_id: int
    sim_id: int
    state: str  # claimed, started or in_doubt
    epoch: int
    incarnation: str | None  # of the box when it started the message
    told: bool
    retried: int

    @property
    def listed(self) -> ListedRow:
        """The row as stamps and releases take it."""
        return ListedRow(self.message_id, self.state, self.epoch)


@dataclass(frozen=True, slots=True)
class Outcome:
    """An outcome of the journal of a box (its table `outcomes`).

    `kind` and `document`:

    part     the new state of a part: state (submitted, in_doubt, queued: it was not sent after all, failed, delivered), sim_id,
             token, port, reference, attempts, started_at, ended_at, service_centre_at. `queued` without an attempt before it
             changes nothing.
    attempt  a row of `refusals`: token, sim_id, cause, refused_at, port, outcome, reason, reason_fr
    failed   the message failed: reason
    report   a status report that fits no part there: iccid, reference, recipient, service_centre_at, status
    text     a row of `inbox`: sim_id, sender, text, sent_at, received_at, incomplete, kind, encoding, port_number; amends: 1
             where it replaces a text with holes
    """

    number: int
    at: int
    kind: str
    message_id: int | None
    seq: int | None
    document: Mapping[str, Any]
    epoch: int | None = None  # of the message in the journal of the box when it asks, see `shared_messages`


@dataclass(frozen=True, slots=True)
class SetAside:
    """An outcome that could not be taken, with the reason."""

    number: int
    reason: str


@dataclass(slots=True)
class Uploaded:
    """The answer to an upload."""

    acknowledged: int  # the highest number that is kept now
    settled: list[str] = field(default_factory=list)  # sms_ids of messages whose status changed
    final: set[int] = field(default_factory=set)  # of the messages of these outcomes, those that have ended
    texts: list[int] = field(default_factory=list)  # ids in the inbox of the fleet
    set_aside: list[SetAside] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Doubt:
    """A message in doubt, as a box saw it. It waits in doubt while all of these stay the same."""

    message_id: int
    box: str
    epoch: int
    retried: int
    told: bool


@dataclass(frozen=True, slots=True)
class Decided:
    """The decisions on doubts: message ids, and the sms_ids of messages whose status changed."""

    retried: frozenset[int] = frozenset()
    held: frozenset[int] = frozenset()
    failed: frozenset[int] = frozenset()
    changed: list[str] = field(default_factory=list)
