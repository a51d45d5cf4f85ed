"""The changes of a transaction of the queue besides messages and their rows, written at its end.

All transactions write these in the same order, each sorted: usage of SIMs, usage of companies, events. So they seldom wait for
each other in a circle, and the lock of the events, which lets one transaction at a time write them, is held for a short time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gatewayd.fleet.queue.sets import columns, numbers
from gatewayd.records import NO_COMPANY, EventType
from gatewayd.store import Transaction
from gatewayd.store.tables import events, hourly_counts, sim_recipients
from gatewayd.timekeeping.clock import month_of

EVENT_COLUMNS: Final = (
    "id, sms_id, company_id, sandbox, events, sim_id, cost, retry_count, sent_at, failure_reason"
)
"""The columns of a changed message that its event tells."""

_USE_SIMS = """
    INSERT INTO sim_usage AS u (sim_id, day, taken, taken_parts, sent, failed)
    SELECT * FROM unnest(?::bigint[], ?::text[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[])
    ON CONFLICT (sim_id, day) DO UPDATE SET taken = u.taken + excluded.taken,
        taken_parts = u.taken_parts + excluded.taken_parts, sent = u.sent + excluded.sent, failed = u.failed + excluded.failed
"""
_USE_COMPANIES = """
    INSERT INTO company_usage AS u (company_id, month, used)
    SELECT * FROM unnest(?::bigint[], ?::text[], ?::bigint[])
    ON CONFLICT (company_id, month) DO UPDATE SET used = u.used + excluded.used
"""
_WRITE_EVENTS = """
    INSERT INTO events
        (type, at, company_id, sandbox, message_id, sequence, sim_id, cost, retry_count, sent_at, failure_reason)
    SELECT * FROM unnest(?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[],
        ?::double precision[], ?::bigint[], ?::bigint[], ?::text[])
"""
_WAKE = """
    SELECT pg_notify('box_' || number, '') FROM boxes
    WHERE state = 'member' AND (name = ANY(?::text[])
        OR name IN (SELECT box FROM sim_places WHERE sim_id = ANY(?::bigint[])))
"""
# One statement less in the usual case.
_WRITE_EVENTS_AND_WAKE = f"WITH written AS ({_WRITE_EVENTS}) {_WAKE}"


@dataclass(slots=True)
class _Use:
    taken: int = 0
    parts: int = 0
    sent: int = 0
    failed: int = 0


@dataclass(slots=True)
class Changes:
    """Counts, events and wakes of one transaction."""

    changed: list[str] = field(default_factory=list)  # sms_ids of messages whose status changed
    wake: set[str] = field(default_factory=set)  # names of boxes
    wake_sims: set[int] = field(default_factory=set)  # the boxes that have these SIMs
    _sims: dict[tuple[int, str], _Use] = field(default_factory=dict)
    _companies: dict[tuple[int, str], int] = field(default_factory=dict)
    _left: list[tuple[int, str, str]] = field(default_factory=list)
    _joined: list[tuple[int, str, str]] = field(default_factory=list)
    _partly: list[tuple[int, int, int, str]] = field(default_factory=list)
    _events: list[tuple[Any, ...]] = field(default_factory=list)
    _texts: list[tuple[int, int]] = field(default_factory=list)

    def use_sim(
        self, sim_id: int, day: str, *, taken: int = 0, parts: int = 0, sent: int = 0, failed: int = 0
    ) -> None:
        """Add to the usage of a SIM on a day."""
        use = self._sims.setdefault((sim_id, day), _Use())
        use.taken += taken
        use.parts += parts
        use.sent += sent
        use.failed += failed

    def use_company(self, company_id: int, month: str, count: int) -> None:
        """Add to the use of the quota of a company."""
        key = (company_id, month)
        self._companies[key] = self._companies.get(key, 0) + count

    def leave_recipient(self, sim_id: int, day: str, recipient: str) -> None:
        """Take a message to a recipient back, if the SIM counts recipients."""
        self._left.append((sim_id, day, recipient))

    def join_recipient(self, sim_id: int, day: str, recipient: str) -> None:
        """Count a message to a recipient of a SIM that limits them."""
        self._joined.append((sim_id, day, recipient))

    def sent_in_part(self, message_id: int, parts: int, at: int, today: str) -> None:
        """Count parts of a failed message that the network took."""
        self._partly.append((message_id, parts, at, month_of(today)))

    def tell(self, type_: EventType, message: Mapping[str, Any], at: int) -> None:
        """Write an event of a message, whose row (`EVENT_COLUMNS`) has the number of this event already."""
        if type_ is not EventType.MESSAGE_IN_DOUBT:
            self.changed.append(message["sms_id"])
        if message["company_id"] == NO_COMPANY:
            return
        self._events.append(
            (
                events.code_of(type_),
                at,
                message["company_id"],
                message["sandbox"],
                message["id"],
                message["events"],
                message["sim_id"],
                message["cost"],
                message["retry_count"],
                None if type_ is EventType.MESSAGE_SENT else message["sent_at"],
                message["failure_reason"],
            )
        )

    def tell_text(self, inbox_id: int, at: int) -> None:
        """Write that a text came in."""
        self._texts.append((inbox_id, at))

    def add(self, other: Changes) -> None:
        """Add what another part of the transaction changed, after this."""
        self.changed += other.changed
        self.wake |= other.wake
        self.wake_sims |= other.wake_sims
        for (sim_id, day), use in other._sims.items():
            self.use_sim(sim_id, day, taken=use.taken, parts=use.parts, sent=use.sent, failed=use.failed)
        for (company_id, month), count in other._companies.items():
            self.use_company(company_id, month, count)
        self._left += other._left
        self._joined += other._joined
        self._partly += other._partly
        self._events += other._events
        self._texts += other._texts

    def write(self, db: Transaction) -> None:
        """Write everything. Nothing else may be changed in the transaction after this."""
        self._write_recipients(db)
        used = [(*key, one.taken, one.parts, one.sent, one.failed) for key, one in sorted(self._sims.items())]
        if used:
            db.execute(_USE_SIMS, columns(used, 6))
        companies = [(*key, count) for key, count in sorted(self._companies.items())]
        if companies:
            db.execute(_USE_COMPANIES, columns(companies, 3))
        for message_id, parts, at, month in sorted(self._partly):
            hourly_counts.count_parts(db, message_id, parts, at, month)
        wakes = (sorted(self.wake), numbers(sorted(self.wake_sims)))
        for inbox_id, at in self._texts:
            events.write_of_text(db, inbox_id, at)
        if self._events:
            db.execute(_WRITE_EVENTS_AND_WAKE, (*columns(self._events, 11), *wakes))
        elif self.wake or self.wake_sims:
            db.execute(_WAKE, wakes)

    def _write_recipients(self, db: Transaction) -> None:
        if not self._left and not self._joined:
            return
        limiting = limiting_sims(db)
        for sim_id, day, recipient in sorted(self._left):
            if sim_id in limiting:
                sim_recipients.remove(db, sim_id, day, recipient)
        for sim_id, day, recipient in sorted(self._joined):
            if sim_id in limiting:
                sim_recipients.add(db, sim_id, day, {recipient: 1})


def limiting_sims(db: Transaction) -> set[int]:
    """The SIMs that limit their recipients."""
    rows = db.execute(
        "SELECT id FROM sims WHERE daily_recipients IS NOT NULL OR monthly_recipients IS NOT NULL"
    )
    return {row[0] for row in rows}
