"""What the gateway tells: frozen records of messages, SIMs and quotas, as its callers see them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

NO_COMPANY = 0
"""Whose messages the gateway's own are: no company has this id."""


class Status(Enum):
    """Where a message stands. pending → sent | failed | cancelled; sent → delivered | failed."""

    PENDING = "pending"
    SENT = "sent"  # every part was taken by the network
    DELIVERED = "delivered"  # every part was reported delivered
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Nothing leaves a final status."""
        return self in (Status.DELIVERED, Status.FAILED, Status.CANCELLED)


class Priority(IntEnum):
    """What goes first: the lower number."""

    OTP = 0
    NORMAL = 1
    BULK = 2


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: an API key that passed every check."""

    key_id: int
    company_id: int
    admin: bool


@dataclass(frozen=True, slots=True)
class Draft:
    """A message as asked for, valid in itself. `recipient` is E.164."""

    recipient: str
    text: str


@dataclass(frozen=True, slots=True)
class Options:
    """What a client chose for the messages of one request."""

    sim_id: int | None = None
    campaign_id: int | None = None
    priority: Priority = Priority.NORMAL
    expires_in_s: int | None = None


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A client's promise that a repeated request is the same one."""

    key: str
    fingerprint: bytes  # SHA-256 over endpoint and parsed body


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """A message as its company sees it. Times are microseconds since the epoch, UTC."""

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


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One submission of one part that ended. `at` in microseconds since the epoch, UTC."""

    part: int  # from 1
    at: int  # when it was answered; of one that a power cut interrupted: when it began
    sim_id: int
    sim_number: str
    port: int | None  # None: kept by a version that did not note it
    outcome: str  # sent, refused or in_doubt
    code: str | None  # as the modem gave it; None where it gave none
    meaning: str
    meaning_fr: str


@dataclass(frozen=True, slots=True)
class LoopTestRecord:
    """A text from one SIM of the box to another. Seconds count from its start; None: that did not happen (yet)."""

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
    sms_id: str | None  # None: there was no use in sending
    reason: str | None  # as `failure_reason` of its message
    detail: str  # what the outcome means and what helps
    detail_fr: str

    @property
    def arrived(self) -> bool:
        """Whether the text came in on the SIM that it was sent to."""
        return self.outcome in ("arrived", "unreported")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message of a bulk that was kept."""

    sms_id: str
    task_id: str
    sim_number: str


@dataclass(frozen=True, slots=True)
class Replay:
    """The answer an earlier request with the same Idempotency-Key got: HTTP status and JSON body."""

    http_status: int
    body: str


@dataclass(frozen=True, slots=True)
class InboxRecord:
    """A text that came in. Times are microseconds since the epoch, UTC."""

    id: int
    sender: str  # E.164, a short code or a name
    text: str
    received_at: int
    sent_at: int | None  # as the sender's service centre says; None where that is no date
    sim_number: str
    sim_id: int
    incomplete: bool  # parts did not come: each hole is marked in the text
    kind: str = "text"  # or `data`: for a program
    encoding: str | None = (
        None  # `gsm7`, `ucs2` or `8bit` (`text` is hexadecimal then); None: not known of older ones
    )
    port_number: int | None = None  # of data: the application it is for


@dataclass(frozen=True, slots=True)
class SimRecord:
    """A SIM that the caller's company may use."""

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
    balance_at: int | None = None  # when it was read, in microseconds since the epoch; None: never


@dataclass(frozen=True, slots=True)
class QuotaRecord:
    """A company's month. `total` None: unlimited. `resets_at` in microseconds since the epoch."""

    total: int | None
    used: int
    resets_at: int

    @property
    def remaining(self) -> int | None:
        """Messages left this month; None: unlimited."""
        return None if self.total is None else max(0, self.total - self.used)

    @property
    def usage_percentage(self) -> float:
        """Share of the quota used, in per cent, two decimals; 0 without a quota, 100 where it is 0."""
        if self.total is None:
            return 0.0
        return round(100.0 * self.used / self.total, 2) if self.total else 100.0


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Which messages to list, newest first. Times in microseconds since the epoch: since ≤ created < until."""

    status: Status | None = None
    campaign_id: int | None = None
    recipient: str | None = None
    since: int | None = None
    until: int | None = None
    limit: int = 50
    cursor: int | None = None
