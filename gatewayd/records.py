"""Frozen records of messages, SIMs and quotas, as the callers of the gateway see them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

NO_COMPANY = 0
"""The company id of the gateway's own messages. No real company has it."""


RIGHTS = ("transactional", "webhooks")
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
