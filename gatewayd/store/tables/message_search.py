"""Finds messages for persons, with a bound on the rows that one request reads."""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables import campaigns, messages

BUDGET = 20_000
"""Rows that one search reads at most: some 40 ms on a small board, also where the filter fits none of them."""

# Most searches find their page in the first rows; only the others read the whole budget.
_FIRST_WINDOW = 1_000

_BEFORE_ALL = -(2**63)

_BY_ID = "m.id DESC"
_BY_TIME = "m.created_at DESC, m.id DESC"


@dataclass(frozen=True, slots=True)
class Filter:
    """The wanted messages; None: any. Times of acceptance in microseconds since the epoch: since ≤ accepted < until."""

    company_id: int | None = None
    recipient: str | None = None  # E.164
    recipient_end: str | None = None  # the last digits of the number
    reference: str | None = None
    campaign_id: int | None = None
    status: str | None = None
    sim_id: int | None = None
    since: int | None = None
    until: int | None = None
    text: str | None = None  # a part of the text; ASCII letters match in either case


@dataclass(frozen=True, slots=True)
class Found:
    """Row ids of messages, the newest first. `before_id`: where to search on; None: there is nothing more.

    `exhausted`: the budget was read before the page was full.
    """

    ids: tuple[int, ...]
    before_id: int | None
    exhausted: bool


@dataclass(frozen=True, slots=True)
class _Path:
    """How the rows are read: an index, the terms that it fulfils, its bounds, and the order of the newest first."""

    index: str
    terms: tuple[str, ...]
    bounds: str = "m.id >= :first AND m.id < :before_id"
    order: str = _BY_ID


def search(db: Connection, wanted: Filter, before_id: int | None, limit: int) -> Found:
    """The newest messages before one with this id that fit the filter: `limit` of them, or fewer where the budget ended."""
    values = _values(db, wanted)
    path = _path(wanted, values)
    place = messages.place(db, before_id)
    if place is None:
        return Found((), None, exhausted=False)
    if wanted.until is not None:
        place = _before(db, path, place, wanted.until)
    rows = (
        f"FROM messages m {path.index} WHERE {' AND '.join((*path.terms, path.bounds))} ORDER BY {path.order}"
    )
    window = f"SELECT m.id {rows} LIMIT :window"
    last_of_window = f"SELECT m.created_at, m.id {rows} LIMIT 1 OFFSET :window - 1"
    terms = [term for name, term in _TERMS.items() if values[name] is not None and term not in path.terms]
    fitting = " AND ".join([f"m.id IN ({window})", *terms])
    statement = f"SELECT m.id FROM messages m WHERE {fitting} ORDER BY {path.order} LIMIT :limit"
    found: list[int] = []
    left, size = BUDGET, _FIRST_WINDOW
    while left > 0:
        before_at, before = place
        bounds = {**values, "before_at": before_at, "before_id": before, "window": min(size, left)}
        found += (row[0] for row in db.execute(statement, {**bounds, "limit": limit + 1 - len(found)}))
        if len(found) > limit:
            return Found(tuple(found[:limit]), found[limit - 1], exhausted=False)
        end = db.execute(last_of_window, bounds).fetchone()
        if end is None:
            return Found(tuple(found), None, exhausted=False)
        place = (end[0], end[1])
        left, size = left - size, left
    return Found(tuple(found), place[1], exhausted=True)


_TERMS = {
    "company": "m.company_id = :company",
    "recipient": "m.recipient = :recipient",
    "recipient_end": "m.recipient LIKE :recipient_end",
    "reference": "m.reference = :reference",
    "campaign": "m.campaign_id = :campaign",
    "status": "m.status = :status",
    "sim": "m.sim_id = :sim",
    "text": r"m.text LIKE :text ESCAPE '\'",
}


def _values(db: Connection, wanted: Filter) -> dict[str, object]:
    """The values of the statement."""
    company = wanted.company_id
    if company is None and wanted.campaign_id is not None:
        company = campaigns.only_company(db, wanted.campaign_id)
    return {
        "company": company,
        "recipient": wanted.recipient,
        "recipient_end": None if wanted.recipient_end is None else f"%{wanted.recipient_end}",
        "reference": wanted.reference,
        "campaign": wanted.campaign_id,
        "status": wanted.status,
        "sim": wanted.sim_id,
        "text": None if wanted.text is None else f"%{_escaped(wanted.text)}%",
        "since": _BEFORE_ALL if wanted.since is None else wanted.since,
        "first": _BEFORE_ALL if wanted.since is None else messages.newest_before(db, wanted.since) + 1,
    }


def _path(wanted: Filter, values: dict[str, object]) -> _Path:
    if wanted.recipient is not None:
        return _Path("INDEXED BY messages_recipient", (_TERMS["recipient"],))
    if wanted.reference is not None:
        return _Path("INDEXED BY messages_reference", (_TERMS["reference"],))
    if values["company"] is None:
        return _Path("", ())
    if wanted.campaign_id is not None:
        return _Path("INDEXED BY messages_campaign", (_TERMS["company"], _TERMS["campaign"]))
    return _Path(
        "INDEXED BY messages_company_time",
        (_TERMS["company"],),
        "m.created_at >= :since AND (m.created_at, m.id) < (:before_at, :before_id)",
        _BY_TIME,
    )


def _before(db: Connection, path: _Path, place: tuple[int, int], until: int) -> tuple[int, int]:
    """The earlier of a place, and the one behind the last message that was accepted before a moment."""
    if path.order == _BY_TIME:
        return min(place, (until, _BEFORE_ALL))
    return place[0], min(place[1], messages.newest_before(db, until) + 1)


def _escaped(text: str) -> str:
    """A text as LIKE takes it literally."""
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
