"""Counts of the messages of companies, by hour and by month: figures over time never scan messages.

An outcome writes nothing here: its event is written in the transaction of the outcome already. `add_new` adds events that
are not added yet, some at a time, in one transaction with the id of the last one added. So the counts are exact after any
stop, and a message costs no write of its own. What is read here includes the newest events that are not added yet.

Counted are messages with a company, without those of sandbox keys. A message is accepted under the SIM 0, and counted
otherwise under the SIM that it has at its outcome (0: none was chosen).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables import engines

HOUR: Final = 3600 * 1_000_000
"""An hour in microseconds."""

HOURS_KEPT: Final = 400 * 24
"""Hours are kept for 400 days: a year can be compared with the one before for a month."""

MONTHS_KEPT: Final = 36
"""Months are kept for three years."""

AT_ONCE: Final = 2000
"""The events, and the messages, that are added in one transaction, and that are read before they are added: some milliseconds."""

# Local months begin at a quarter of an hour of UTC in every time zone.
_QUARTER = HOUR // 4

# Costs are kept as millionths: sums of whole numbers are exact.
_MILLIONTHS = 1_000_000

_COLUMNS: Final = (
    "accepted", "sent", "delivered", "failed", "undelivered", "partly", "cancelled", "parts", "cost",
)  # fmt: skip

# The types of events, see `events`.
_SENT, _DELIVERED, _FAILED, _CANCELLED = 1, 2, 3, 4

# (quarter of an hour, company, SIM, campaign or 0) and `_COLUMNS`.
_NEW_EVENTS = f"""
    SELECT (e.at + iif(e.at >= :since, :jump, 0)) / {_QUARTER}, e.company_id, e.sim_id, coalesce(m.campaign_id, 0),
           0, count(*) FILTER (WHERE e.type = {_SENT}), count(*) FILTER (WHERE e.type = {_DELIVERED}),
           count(*) FILTER (WHERE e.type = {_FAILED} AND e.sent_at IS NULL),
           count(*) FILTER (WHERE e.type = {_FAILED} AND e.sent_at IS NOT NULL), 0,
           count(*) FILTER (WHERE e.type = {_CANCELLED}),
           sum(iif(e.type = {_SENT}, coalesce(m.parts, 1), 0)),
           sum(iif(e.type = {_SENT}, CAST(round(e.cost * {_MILLIONTHS}) AS BIGINT), 0))
    FROM events e LEFT JOIN messages m ON m.id = e.message_id
    WHERE e.id > :after AND e.id <= :until AND e.type BETWEEN {_SENT} AND {_CANCELLED} AND e.sandbox = 0
    GROUP BY 1, 2, 3, 4
"""
_NEW_MESSAGES = f"""
    SELECT (created_at + iif(created_at >= :since, :jump, 0)) / {_QUARTER}, company_id, 0, coalesce(campaign_id, 0),
           count(*), 0, 0, 0, 0, 0, 0, 0, 0
    FROM messages WHERE id > :after AND id <= :until AND company_id <> 0 AND sandbox = 0
    GROUP BY 1, 2, 3, 4
"""

_MARKS = ", ".join("?" * len(_COLUMNS))
_ADD_HOUR = (
    f"INSERT INTO hourly_counts VALUES (?, ?, ?, {_MARKS}) ON CONFLICT (company_id, hour, sim_id) DO UPDATE SET "
    + ", ".join(f"{column} = hourly_counts.{column} + excluded.{column}" for column in _COLUMNS)
)
_ADD_MONTH = (
    f"INSERT INTO monthly_counts VALUES (?, ?, ?, ?, {_MARKS})"
    " ON CONFLICT (company_id, month, sim_id, campaign_id) DO UPDATE SET "
    + ", ".join(f"{column} = monthly_counts.{column} + excluded.{column}" for column in _COLUMNS)
)
_SUMS = ", ".join(f"sum({column})" for column in _COLUMNS)

_PARTS_OF_MESSAGE = f"""
    SELECT company_id, sim_id, coalesce(campaign_id, 0), parts - unsent = :taken,
           CAST(round(cost * :taken / parts * {_MILLIONTHS}) AS BIGINT)
    FROM messages WHERE id = :id AND company_id <> 0 AND sandbox = 0
"""

MonthOf = Callable[[int], str]
"""Gives the local month (`YYYY-MM`) of a time in microseconds since the epoch."""

_Key = tuple[int, int, int, int]  # quarter of an hour, company, SIM, campaign or 0
_Values = tuple[int, ...]  # in the order of `_COLUMNS`

_NEVER = 2**62

# So many ids are never missing because transactions that took them are still open: a box joined a fleet, whose ids lie higher.
_GAP = 10_000_000


@dataclass(frozen=True, slots=True)
class Counts:
    """Messages, parts and their cost. Each message is counted at the time of each of its outcomes."""

    accepted: int = 0
    sent: int = 0  # the network took all their parts
    delivered: int = 0  # of those sent
    failed: int = 0  # before all their parts were taken
    undelivered: int = 0  # of those sent: a report says that the message failed
    partly: int = 0  # of those that failed: a part was taken, so it is billed
    cancelled: int = 0
    parts: int = 0  # taken by the network, of messages that are sent or failed
    cost: float = 0.0  # of these parts

    @property
    def unbilled(self) -> int:
        """Failed messages of which the network took no part: they cost nothing and were given back to the quota."""
        return self.failed - self.partly

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.accepted + other.accepted,
            self.sent + other.sent,
            self.delivered + other.delivered,
            self.failed + other.failed,
            self.undelivered + other.undelivered,
            self.partly + other.partly,
            self.cancelled + other.cancelled,
            self.parts + other.parts,
            round(self.cost + other.cost, 6),
        )


@dataclass(frozen=True, slots=True)
class HourCounts:
    """The counts of a SIM (0: none was chosen) in an hour, which is counted from the epoch in UTC."""

    hour: int
    sim_id: int
    counts: Counts


@dataclass(frozen=True, slots=True)
class MonthCounts:
    """The counts of a company's messages with one SIM (0: none was chosen) and one campaign (None: without) in a month."""

    sim_id: int
    campaign_id: int | None
    counts: Counts


def add_new(db: Connection, month_of: MonthOf) -> bool:
    """Add the outcomes and messages that are not added yet, at most `AT_ONCE` of each. True: there are more."""
    return _add(db, month_of, AT_ONCE, _NEVER, 0)


def add_all_shifted(db: Connection, month_of: MonthOf, since: int, jump: int) -> None:
    """Add all that is new, with `jump` microseconds added to times of `since` and later, because the clock was set."""
    _add(db, month_of, _NEVER, since, jump)


def count_parts(db: Connection, message_id: int, taken: int, now: int, month: str) -> None:
    """Count parts of a message that failed though the network took them: its events do not tell their number."""
    row = db.execute(_PARTS_OF_MESSAGE, {"id": message_id, "taken": taken}).fetchone()
    if row is not None:
        company_id, sim_id, campaign_id, is_first, cost = row
        values = (0, 0, 0, 0, 0, is_first, 0, taken, cost)
        db.execute(_ADD_HOUR, (company_id, now // HOUR, sim_id, *values))
        db.execute(_ADD_MONTH, (company_id, month, sim_id, campaign_id, *values))


def waiting(db: Connection) -> int:
    """How many events and messages are not added yet; of both, the higher number."""
    (events_added, last_event), (messages_added, last_message) = _progress(db)
    return max(last_event - events_added, last_message - messages_added)


def by_hour(db: Connection, first: int, end: int, company_id: int | None = None) -> list[HourCounts]:
    """The counts of hours from `first` to before `end`, by hour and SIM, in this order.

    `company_id`: of this company; None: of all. Hours are microseconds since the epoch divided by `HOUR`.
    """
    companies, values = _companies(company_id)
    rows = db.execute(
        f"SELECT hour, sim_id, {_SUMS} FROM hourly_counts WHERE company_id IN ({companies})"
        " AND hour >= ? AND hour < ? GROUP BY hour, sim_id",
        (*values, first, end),
    )
    found: dict[tuple[int, int], Counts] = {(row[0], row[1]): _counts(row[2:]) for row in rows}
    for (quarter, company, sim_id, _), new in _tail(db).items():
        hour = quarter * _QUARTER // HOUR
        if first <= hour < end and company_id in (None, company):
            found[hour, sim_id] = found.get((hour, sim_id), Counts()) + _counts(new)
    return [HourCounts(*key, found[key]) for key in sorted(found)]


def by_sim(db: Connection, first: int, end: int, company_id: int | None = None) -> dict[int, Counts]:
    """The counts of hours from `first` to before `end` together, by SIM id (0: none was chosen). Otherwise as `by_hour`."""
    companies, values = _companies(company_id)
    rows = db.execute(
        f"SELECT sim_id, {_SUMS} FROM hourly_counts WHERE company_id IN ({companies}) AND hour >= ? AND hour < ?"
        " GROUP BY sim_id",
        (*values, first, end),
    )
    found: dict[int, Counts] = {row[0]: _counts(row[1:]) for row in rows}
    for (quarter, company, sim_id, _), new in _tail(db).items():
        if first <= quarter * _QUARTER // HOUR < end and company_id in (None, company):
            found[sim_id] = found.get(sim_id, Counts()) + _counts(new)
    return found


def of_month(db: Connection, company_id: int, month: str, month_of: MonthOf) -> list[MonthCounts]:
    """The counts of a company in a month (`YYYY-MM`), by SIM and campaign, in this order; those without campaign first."""
    rows = db.execute(
        f"SELECT sim_id, campaign_id, {', '.join(_COLUMNS)} FROM monthly_counts WHERE company_id = ? AND month = ?",
        (company_id, month),
    )
    found: dict[tuple[int, int], Counts] = {(row[0], row[1]): _counts(row[2:]) for row in rows}
    for (quarter, company, sim_id, campaign), new in _tail(db).items():
        if company == company_id and month_of(quarter * _QUARTER) == month:
            found[sim_id, campaign] = found.get((sim_id, campaign), Counts()) + _counts(new)
    return [
        MonthCounts(sim_id, campaign or None, found[sim_id, campaign]) for sim_id, campaign in sorted(found)
    ]


def months(db: Connection, company_id: int, month_of: MonthOf) -> list[str]:
    """The months (`YYYY-MM`) in which a company has counts, newest first."""
    rows = db.execute("SELECT DISTINCT month FROM monthly_counts WHERE company_id = ?", (company_id,))
    found = {row[0] for row in rows}
    found |= {month_of(key[0] * _QUARTER) for key in _tail(db) if key[1] == company_id}
    return sorted(found, reverse=True)


def forget_before(db: Connection, hour: int, month: str) -> None:
    """Delete the counts of hours and months before these."""
    db.execute(
        "DELETE FROM hourly_counts WHERE company_id IN (SELECT id FROM companies) AND hour < ?", (hour,)
    )
    db.execute(
        "DELETE FROM monthly_counts WHERE company_id IN (SELECT id FROM companies) AND month < ?", (month,)
    )


def _companies(company_id: int | None) -> tuple[str, tuple[int, ...]]:
    """What stands in `company_id IN (…)`, and its values. None: all companies, each found by the key of the table."""
    return ("SELECT id FROM companies", ()) if company_id is None else ("?", (company_id,))


def _add(db: Connection, month_of: MonthOf, limit: int, since: int, jump: int) -> bool:
    (events_added, last_event), (messages_added, last_message) = _progress(db)
    last_message = max(messages_added, engines.settled_messages(db, last_message))
    event, message = min(last_event, events_added + limit), min(last_message, messages_added + limit)
    if (event, message) == (events_added, messages_added):
        return False
    new = _new(db, (events_added, event), (messages_added, message), since, jump)
    hours: dict[tuple[int, int, int], _Values] = {}
    by_month: dict[tuple[int, str, int, int], _Values] = {}
    for (quarter, company_id, sim_id, campaign_id), values in new.items():
        hour = (company_id, quarter * _QUARTER // HOUR, sim_id)
        month = (company_id, month_of(quarter * _QUARTER), sim_id, campaign_id)
        hours[hour] = _sum(hours.get(hour), values)
        by_month[month] = _sum(by_month.get(month), values)
    db.executemany(_ADD_HOUR, ((*key, *values) for key, values in hours.items()))
    db.executemany(_ADD_MONTH, ((*key, *values) for key, values in by_month.items()))
    db.execute("UPDATE counted SET last_event = ?, last_message = ?", (event, message))
    return (event, message) != (last_event, last_message)


def _tail(db: Connection) -> Mapping[_Key, _Values]:
    """The newest counts that are not added yet; without the newest of them while very many wait."""
    (events_added, last_event), (messages_added, last_message) = _progress(db)
    return _new(
        db,
        (events_added, min(last_event, events_added + AT_ONCE)),
        (messages_added, min(last_message, messages_added + AT_ONCE)),
        _NEVER,
        0,
    )


def _progress(db: Connection) -> tuple[tuple[int, int], tuple[int, int]]:
    """The last event that was added and the newest; the same of messages."""
    row = db.execute(
        "SELECT last_event, (SELECT coalesce(max(id), 0) FROM events), last_message,"
        " (SELECT coalesce(max(id), 0) FROM messages),"
        " (SELECT min(m.id) FROM messages m WHERE m.id > counted.last_message) FROM counted"
    ).fetchone()
    added, following = row[2], row[4]
    if following is not None and following - added > _GAP:
        added = following - 1
    return (row[0], row[1]), (added, row[3])


def _new(
    db: Connection, of_events: tuple[int, int], of_messages: tuple[int, int], since: int, jump: int
) -> Mapping[_Key, _Values]:
    found: dict[_Key, _Values] = {}
    for statement, (after, until) in ((_NEW_EVENTS, of_events), (_NEW_MESSAGES, of_messages)):
        if after == until:
            continue
        for row in db.execute(statement, {"after": after, "until": until, "since": since, "jump": jump}):
            key = (row[0], row[1], row[2], row[3])
            found[key] = _sum(found.get(key), tuple(row[4:]))
    return found


def _sum(one: _Values | None, two: _Values) -> _Values:
    return two if one is None else tuple(map(int.__add__, one, two))


def _counts(values: Iterable[int]) -> Counts:
    accepted, sent, delivered, failed, undelivered, partly, cancelled, parts, cost = values
    return Counts(
        accepted,
        sent,
        delivered,
        failed,
        undelivered,
        partly,
        cancelled,
        parts,
        cost / _MILLIONTHS,
    )
