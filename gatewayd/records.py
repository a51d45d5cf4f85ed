"""Frozen records of messages, SIMs and quotas, as the callers of the gateway see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum

NO_COMPANY = 0
"""The company id of the gateway's own messages. No real company has it."""


LONGEST_TEXT = 1600
"""Characters (Unicode code points) in one message, from the guide."""

TRANSACTIONAL = "transactional"

RIGHTS = (TRANSACTIONAL, "webhooks")
"""What a key may be allowed beside sending and reading."""


class Status(Enum):
    """The status of a message. pending → sent | failed | cancelled; sent → delivered | failed."""

    PENDING = "pending"
    SENT = "sent"  # the network accepted every part
    DELIVERED = "delivered"  # reports say that every part was delivered
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether the status never changes again."""
        return self in (Status.DELIVERED, Status.FAILED, Status.CANCELLED)


class Priority(IntEnum):
    """The priority of a message: the lower number is sent first."""

    OTP = 0
    NORMAL = 1
    BULK = 2


class EventType(Enum):
    """The type of an event. Events of a company come first, then those of the box, for administration keys."""

    MESSAGE_SENT = "message.sent"
    MESSAGE_DELIVERED = "message.delivered"
    MESSAGE_FAILED = "message.failed"
    MESSAGE_CANCELLED = "message.cancelled"
    MESSAGE_IN_DOUBT = "message.in_doubt"
    MESSAGE_RECEIVED = "message.received"
    OPT_OUT_CHANGED = "opt_out.changed"
    QUOTA_THRESHOLD = "quota.threshold"
    WEBHOOK_PAUSED = "webhook.paused"
    PORT_DOWN = "port.down"
    PORT_UP = "port.up"
    SIM_LOW_BALANCE = "sim.low_balance"
    SIM_BUNDLE_ENDING = "sim.bundle_ending"
    SIM_SUSPECTED_BLOCKED = "sim.suspected_blocked"
    DISK_STATE = "disk.state"
    CLOCK_UNTRUSTED = "clock.untrusted"


@dataclass(frozen=True, slots=True)
class Caller:
    """The API key of a request, after it passed every check."""

    key_id: int
    company_id: int
    admin: bool
    rights: frozenset[str] = frozenset()  # of `RIGHTS`
    sandbox: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """A validated message of a request. `recipient` is E.164."""

    recipient: str
    text: str
    reference: str | None = None  # the client's own id


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a request, for all its messages."""

    sim_id: int | None = None
    campaign_id: int | None = None
    priority: Priority = Priority.NORMAL
    expires_in_s: int | None = None
    send_at: int | None = None  # not before, in microseconds since the epoch, UTC
    transactional: bool = False  # passes opt-outs and sending windows


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The Idempotency-Key of a request: a request with the same key is a repetition."""

    key: str
    fingerprint: bytes  # SHA-256 over endpoint and parsed body


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """A message as its company sees it. Times in microseconds since the epoch, UTC."""

    sms_id: str
    task_id: str
    recipient: str
    sim_number: str
    text: str
    status: Status
    created_at: int
    sent_at: int | None
    delivered_at: int | None
    failed_at: int | None
    failure_reason: str | None
    cost: float
    retry_count: int
    campaign_id: int | None
    priority: Priority
    parts: int
    in_doubt: bool
    reference: str | None = None
    send_at: int | None = None  # not before; None: at once
    expires_at: int | None = None  # None: never
    sandbox: bool = False


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One submission of one part that has ended. `at` in microseconds since the epoch, UTC."""

    part: int  # from 1
    at: int  # time of the modem's answer; where a power cut interrupted it, time of the start
    sim_id: int
    sim_number: str
    port: int | None  # None: recorded by an old version without it
    outcome: str  # sent, refused or in_doubt
    code: str | None  # the modem's error code; None where it gave none
    meaning: str
    meaning_fr: str


@dataclass(frozen=True, slots=True)
class LoopTestRecord:
    """A test text from one SIM of the box to another. Seconds count from its start; None: it has not happened."""

    from_sim: int
    from_port: int
    from_slot: int
    to_sim: int
    to_port: int
    to_slot: int
    started_at: int  # microseconds since the epoch, UTC
    outcome: str  # running, arrived, unreported (arrived, but no report came), not_sent, lost, elsewhere or interrupted
    submit_s: float | None
    arrive_s: float | None
    report_s: float | None
    sms_id: str | None  # None: nothing was sent, because it could not succeed
    reason: str | None  # the `failure_reason` of its message
    detail: str  # the meaning of the outcome and the remedy
    detail_fr: str

    @property
    def arrived(self) -> bool:
        """Whether the text arrived on the SIM to which it was sent."""
        return self.outcome in ("arrived", "unreported")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message of a bulk request that was kept."""

    sms_id: str
    task_id: str
    sim_number: str


@dataclass(frozen=True, slots=True)
class Replay:
    """The answer to an earlier request with the same Idempotency-Key: HTTP status and JSON body."""

    http_status: int
    body: str


@dataclass(frozen=True, slots=True)
class InboxRecord:
    """A received text. Times in microseconds since the epoch, UTC."""

    id: int
    sender: str  # E.164, a short code or a name
    text: str
    received_at: int
    sent_at: int | None  # TP-SCTS of the sender's service centre; None where it is not a date
    sim_number: str
    sim_id: int
    incomplete: bool  # parts are missing: each hole is marked in the text
    kind: str = "text"  # or `data`: for a program
    encoding: str | None = (
        None  # `gsm7`, `ucs2` or `8bit` (`text` is hexadecimal then); None: recorded by an old version
    )
    port_number: int | None = None  # of data: the port of the application
    read: bool = False  # as a client marked it


@dataclass(frozen=True, slots=True)
class OptOutRecord:
    """A number that wants no such messages from a company, with the evidence. Times in microseconds since the epoch."""

    id: int
    company_id: int
    recipient: str
    opted_out_at: int
    source: str  # text, api, cli or dashboard
    reason: str | None  # as a program or a person gave it
    text: str | None  # the words of the text
    inbox_id: int | None  # the text itself
    ended_at: int | None  # None: in force
    ended_source: str | None
    ended_text: str | None


@dataclass(frozen=True, slots=True)
class InboxFilter:
    """A filter for a list of received texts, newest first. Times in microseconds since the epoch: since ≤ received < until."""

    sender: str | None = None
    since: int | None = None
    until: int | None = None
    unread: bool | None = None
    sim_id: int | None = None
    limit: int = 50
    cursor: int | None = None


@dataclass(frozen=True, slots=True)
class EventRecord:
    """An event. One of a message has the message as it was at that moment, one of a received text has the text."""

    number: int  # the place in the order of events, within this database
    id: str  # never used twice
    type: EventType
    at: int  # microseconds since the epoch, UTC
    company_id: int  # NO_COMPANY: of the box
    sandbox: bool
    message: MessageRecord | None = None
    sequence: int | None = None  # with message: 1 for its first event
    text: InboxRecord | None = None
    data: Mapping[str, object] = field(default_factory=dict)  # of all other events


@dataclass(frozen=True, slots=True)
class Audience:
    """The reader of events: those of a company, of the box, or both; of real messages or of the sandbox."""

    company_id: int | None
    box: bool = False
    sandbox: bool = False


@dataclass(frozen=True, slots=True)
class SimRecord:
    """A SIM that the company of the caller may use."""

    id: int
    number: str
    name: str
    operator: str
    port: int
    slot: int
    is_default: bool
    balance: float
    daily_limit: int | None
    monthly_limit: int | None
    today_sent: int
    today_failed: int
    this_month_sent: int
    can_send_sms: bool
    assigned_to: str | None  # the company's name
    balance_at: int | None = None  # time of reading in microseconds since the epoch; None: never read
    bundle_units: int | None = None  # texts left in its bundle; None: its operator does not tell
    bundle_end: int | None = None  # microseconds since the epoch; None: its operator does not tell
    box: str | None = None  # that has it, in a fleet


@dataclass(frozen=True, slots=True)
class QuotaRecord:
    """The quota of a company in this month. `total` None: unlimited. `resets_at` in microseconds since the epoch."""

    total: int | None
    used: int
    resets_at: int

    @property
    def remaining(self) -> int | None:
        """Messages left this month; None: unlimited."""
        return None if self.total is None else max(0, self.total - self.used)

    @property
    def usage_percentage(self) -> float:
        """The used share of the quota in per cent, two decimals; 0 without a quota, 100 where the quota is 0."""
        if self.total is None:
            return 0.0
        return round(100.0 * self.used / self.total, 2) if self.total else 100.0


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """A filter for a list of messages, newest first. Times in microseconds since the epoch: since ≤ created < until."""

    status: Status | None = None
    campaign_id: int | None = None
    recipient: str | None = None
    since: int | None = None
    until: int | None = None
    limit: int = 50
    cursor: int | None = None
    reference: str | None = None
    sim_id: int | None = None
    priority: Priority | None = None


@dataclass(frozen=True, slots=True)
class CampaignRecord:
    """The messages of a campaign. Times of acceptance in microseconds since the epoch, UTC."""

    campaign_id: int
    counts: dict[Status, int]
    parts: int
    cost: float
    first_at: int
    last_at: int
    begins_at: int  # when the first message may be sent

    @property
    def total(self) -> int:
        """The number of messages."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class CancelledCampaign:
    """The result of cancelling a campaign. `complete` false: the time was over, and messages may still wait."""

    cancelled: int
    complete: bool
