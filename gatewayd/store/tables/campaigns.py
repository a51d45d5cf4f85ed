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
_SHARES = (
    f"SELECT status, count(*), sum(parts), sum(cost), min(created_at), max(created_at) {_OF_CAMPAIGN}"
    " AND id <= :end AND sandbox = :sandbox GROUP BY status"
)
_PENDING = (
    f"SELECT id {_OF_CAMPAIGN} AND id <= :end AND sandbox = :sandbox AND status = 'pending' ORDER BY id"
)

_ONE = f"SELECT 1 {_OF_CAMPAIGN} AND sandbox = :sandbox LIMIT 1"

_LAST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Campaign:
    """Which messages: of sandbox keys or of real ones."""

    company_id: int
    campaign_id: int
    sandbox: bool


@dataclass(frozen=True, slots=True)
class Share:
    """Some messages of a campaign with the same status. Times of acceptance in microseconds since the epoch."""

    status: str
    messages: int
    parts: int
    cost: float
    first_at: int
    last_at: int


def exists(db: Connection, campaign: Campaign) -> bool:
    """Whether a campaign has a message."""
    return db.execute(_ONE, _values(campaign, 0, None)).fetchone() is not None


def window_end(db: Connection, campaign: Campaign, after: int, window: int = WINDOW) -> int | None:
    """The id at which a window of messages behind the id `after` ends; None: there are fewer messages."""
    values = {"company": campaign.company_id, "campaign": campaign.campaign_id, "after": after}
    row = db.execute(_WINDOW_END, {**values, "window": window}).fetchone()
    return None if row is None else row[0]


def shares(db: Connection, campaign: Campaign, after: int, end: int | None) -> list[Share]:
    """The messages with ids above `after` and up to `end` (None: all), by status."""
    return [Share(*row) for row in db.execute(_SHARES, _values(campaign, after, end))]


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
