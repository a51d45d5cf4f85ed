"""Finds messages for persons, with a bound on the rows that one request reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables import campaigns, messages

BUDGET = 20_000
"""Rows that one search reads at most where they lie side by side: some 10 ms on a PC, also where the filter fits none of them."""

SCATTERED_BUDGET = 10_000
"""The same for rows that an index finds in many places of the table: each takes several times as long."""

_BEFORE_ALL = -(2**63)


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

    `exhausted`: so many rows were read, as the budget allows, before the page was full; None: the page is complete.
    """

    ids: tuple[int, ...]
    before_id: int | None
    exhausted: int | None


@dataclass(frozen=True, slots=True)
class _Path:
    """The index that gives the rows in order, and the terms that it fulfils."""

    index: str
    terms: tuple[str, ...]
    by_time: bool = False  # in the order of acceptance; else in that of ids

    @property
    def budget(self) -> int:
        """The number of rows that one search reads at most."""
        return SCATTERED_BUDGET if self.index else BUDGET


def search(db: Connection, wanted: Filter, before_id: int | None, limit: int) -> Found:
    """The newest messages before one with this id that fit the filter: `limit` of them, or fewer where the budget ended."""
    values = _values(db, wanted)
    path = _path(wanted, values)
    place = messages.place(db, before_id)
    if place is None:
        return Found((), None, exhausted=None)
    before_at, before = place
    if wanted.since is not None and not path.by_time:
        values["first"] = messages.newest_before(db, wanted.since) + 1
    if wanted.until is not None and path.by_time:
        before_at, before = min((before_at, before), (wanted.until, _BEFORE_ALL))
    elif wanted.until is not None:
        before = min(before, messages.newest_before(db, wanted.until) + 1)
    values |= {"before_at": before_at, "before": before}
    last = _last_of_budget(db, path, values)
    if last is not None:
        values |= {"first_at": last[0], "first": last[1]}
    terms = [*path.terms, _BOUNDS_BY_TIME if path.by_time else _BOUNDS_BY_ID]
    terms += [term for name, term in _TERMS.items() if values[name] is not None and term not in path.terms]
    order = "m.created_at DESC, m.id DESC" if path.by_time else "m.id DESC"
    statement = (
        f"SELECT m.id FROM messages m {path.index} WHERE {' AND '.join(terms)} ORDER BY {order} LIMIT :limit"
    )
    found = [row[0] for row in db.execute(statement, {**values, "limit": limit + 1})]
    if len(found) > limit:
        return Found(tuple(found[:limit]), found[limit - 1], exhausted=None)
    if last is None:
        return Found(tuple(found), None, exhausted=None)
    return Found(tuple(found), last[1], exhausted=path.budget)


_BOUNDS_BY_ID = "m.id >= :first AND m.id < :before"
_BOUNDS_BY_TIME = (
    "m.created_at >= :first_at AND (m.created_at, m.id) >= (:first_at, :first)"
    " AND (m.created_at, m.id) < (:before_at, :before)"
)


def _last_of_budget(db: Connection, path: _Path, values: Mapping[str, Any]) -> tuple[int, int] | None:
    """The place (time, id) of the last row that the budget allows to read; None: fewer rows are left."""
    if not path.terms:  # ids have few holes: the oldest messages are deleted first
        oldest, behind_newest = messages.id_range(db)
        last = min(values["before"], behind_newest) - path.budget
        return (0, last) if last > max(values["first"], oldest) else None
    columns, bounds, order = "0, m.id", _BOUNDS_BY_ID, "m.id DESC"
    if path.by_time:
        columns, bounds, order = "m.created_at, m.id", _BOUNDS_BY_TIME, "m.created_at DESC, m.id DESC"
    row = db.execute(
        f"SELECT {columns} FROM messages m {path.index} WHERE {' AND '.join((*path.terms, bounds))}"
        f" ORDER BY {order} LIMIT 1 OFFSET :budget - 1",
        {**values, "budget": path.budget},
    ).fetchone()
    return None if row is None else (row[0], row[1])


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


def _values(db: Connection, wanted: Filter) -> dict[str, Any]:
    """The values of the statement."""
    company = wanted.company_id
    if company is None and wanted.campaign_id is not None:
        company = campaigns.only_company(db, wanted.campaign_id)
    since = wanted.since
    return {
        "company": company,
        "recipient": wanted.recipient,
        "recipient_end": None if wanted.recipient_end is None else f"%{wanted.recipient_end}",
        "reference": wanted.reference,
        "campaign": wanted.campaign_id,
        "status": wanted.status,
        "sim": wanted.sim_id,
        "text": None if wanted.text is None else f"%{_escaped(wanted.text)}%",
        "first_at": _BEFORE_ALL if since is None else since,
        "first": _BEFORE_ALL,
    }


def _path(wanted: Filter, values: Mapping[str, Any]) -> _Path:
    if wanted.recipient is not None:
        return _Path("INDEXED BY messages_recipient", (_TERMS["recipient"],))
    if wanted.reference is not None:
        return _Path("INDEXED BY messages_reference", (_TERMS["reference"],))
    if values["company"] is None:
        return _Path("", ())
    if wanted.campaign_id is not None:
        return _Path("INDEXED BY messages_campaign", (_TERMS["company"], _TERMS["campaign"]))
    return _Path("INDEXED BY messages_company_time", (_TERMS["company"],), by_time=True)


def _escaped(text: str) -> str:
    """A text as LIKE takes it literally."""
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
