"""Campaigns: the messages of a company that have the same `campaign_id`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables.pagination import WINDOW

_OF_CAMPAIGN = (
    "FROM messages INDEXED BY messages_campaign"
    " WHERE company_id = :company AND campaign_id = :campaign AND id > :after"
)
_WINDOW_END = f"SELECT id {_OF_CAMPAIGN} ORDER BY id LIMIT 1 OFFSET :window - 1"
_PENDING = (
    f"SELECT id {_OF_CAMPAIGN} AND id <= :end AND sandbox = :sandbox AND status = 'pending' ORDER BY id"
)

_COUNTS = "SELECT id, company_id, campaign_id, pending, sent, delivered, failed, cancelled, parts, cost FROM campaign_counts"
_FIRST = (
    f"SELECT created_at, coalesce(max(created_at, send_at), created_at) {_OF_CAMPAIGN}"
    " AND sandbox = :sandbox ORDER BY id LIMIT 1"
)
_NEWEST = f"SELECT created_at {_OF_CAMPAIGN} AND sandbox = :sandbox ORDER BY id DESC LIMIT 1"

_LAST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Campaign:
    """Which messages: of sandbox keys or of real ones."""

    company_id: int
    campaign_id: int
    sandbox: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """The messages of a campaign by their status, as triggers count them."""

    id: int  # rises in the order in which the campaigns began
    company_id: int
    campaign_id: int
    pending: int
    sent: int
    delivered: int
    failed: int
    cancelled: int
    parts: int
    cost: float


@dataclass(frozen=True, slots=True)
class Span:
    """The times of a campaign, in microseconds since the epoch."""

    first_at: int  # when its first message was accepted
    last_at: int
    begins_at: int  # when its first message may be sent


def exists(db: Connection, campaign: Campaign) -> bool:
    """Whether a campaign has a message."""
    return counts(db, campaign) is not None


def counts(db: Connection, campaign: Campaign) -> Counts | None:
    """The messages of a campaign; None: it has none."""
    row = db.execute(
        f"{_COUNTS} WHERE company_id = ? AND campaign_id = ? AND sandbox = ?",
        (campaign.company_id, campaign.campaign_id, campaign.sandbox),
    ).fetchone()
    return None if row is None else Counts(*row)


def page(db: Connection, company_id: int | None, before_id: int | None, limit: int) -> list[Counts]:
    """Campaigns of real messages, the newest first, with an id below `before_id`. `company_id` None: of all companies."""
    of_company = "" if company_id is None else " AND company_id = :company"
    found = db.execute(
        f"{_COUNTS} WHERE id < :before AND sandbox = 0{of_company} ORDER BY id DESC LIMIT :limit",
        {"company": company_id, "before": _LAST if before_id is None else before_id, "limit": limit},
    )
    return [Counts(*row) for row in found]


def only_company(db: Connection, campaign_id: int) -> int | None:
    """The company that has a campaign with this id; None: none has, or several have."""
    found = db.execute(
        "SELECT DISTINCT company_id FROM campaign_counts WHERE campaign_id = ? LIMIT 2", (campaign_id,)
    ).fetchall()
    return found[0][0] if len(found) == 1 else None


def span(db: Connection, campaign: Campaign) -> Span | None:
    """The times of a campaign; None: it has no message."""
    values = _values(campaign, 0, None)
    first = db.execute(_FIRST, values).fetchone()
    last = db.execute(_NEWEST, values).fetchone()
    return None if first is None or last is None else Span(first[0], last[0], first[1])


def window_end(db: Connection, campaign: Campaign, after: int, window: int = WINDOW) -> int | None:
    """The id at which a window of messages behind the id `after` ends; None: there are fewer messages."""
    values = {"company": campaign.company_id, "campaign": campaign.campaign_id, "after": after}
    row = db.execute(_WINDOW_END, {**values, "window": window}).fetchone()
    return None if row is None else row[0]


def pending(db: Connection, campaign: Campaign, after: int, end: int | None) -> Iterator[int]:
    """The ids of the pending messages above `after` and up to `end` (None: all), in order."""
    return (row[0] for row in db.execute(_PENDING, _values(campaign, after, end)))


def _values(campaign: Campaign, after: int, end: int | None) -> dict[str, int]:
    return {
        "company": campaign.company_id,
        "campaign": campaign.campaign_id,
        "sandbox": campaign.sandbox,
        "after": after,
        "end": _LAST if end is None else end,
    }
