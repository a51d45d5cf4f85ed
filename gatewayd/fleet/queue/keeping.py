"""Keeps what boxes tell, and lets it decide about the rows of the queue."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gatewayd.fleet.queue import endings, late_reports, settling
from gatewayd.fleet.queue.changes import Changes
from gatewayd.fleet.queue.endings import End
from gatewayd.fleet.queue.names import Box
from gatewayd.fleet.queue.news import SENT, AttemptNews, FailureNews, News, PartNews, ReportNews, TextNews
from gatewayd.fleet.queue.sets import as_rows, columns, fetch, numbers
from gatewayd.messages.reasons import IN_DOUBT
from gatewayd.store import Transaction
from gatewayd.store.tables import inbound
from gatewayd.store.tables.inbound import Nature
from gatewayd.timekeeping.clock import Calendar, Moment

TextTaken = Callable[[Transaction, int, int], None]
"""Called for each text that came in, within the transaction: with its id in the inbox, and the time."""

_HOLD = as_rows("""
    SELECT q.message_id, q.state, q.box, q.epoch, q.sim_id, q.parts, q.told, m.sim_id AS message_sim
    FROM queue q JOIN messages m ON m.id = q.message_id
    WHERE q.message_id = ANY(?::bigint[]) ORDER BY q.message_id FOR UPDATE OF q
""")
# Parts that were sent are appended. The state of a part is that of its newest submission: `fits` where the row of its message is of the
# box that tells. What another box tells counts where it says that the part was sent, and no other SIM sent it; and the reports on
# what a SIM sent.
_KEEP = """
    WITH appended AS (
        INSERT INTO sent_parts AS s (message_id, seq, sim_id, box, reference, sent_at, delivered_at, service_centre_at)
        SELECT e.message_id, e.seq, e.sim_id, ?, e.reference, e.sent_at, e.delivered_at, e.service_centre_at
        FROM unnest(?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[])
            AS e (message_id, seq, sim_id, reference, sent_at, delivered_at, service_centre_at)
        JOIN messages m ON m.id = e.message_id
        ORDER BY e.message_id, e.seq, e.sim_id
        ON CONFLICT (message_id, seq, sim_id) DO UPDATE SET
            reference = coalesce(s.reference, excluded.reference),
            delivered_at = coalesce(s.delivered_at, excluded.delivered_at),
            service_centre_at = coalesce(excluded.service_centre_at, s.service_centre_at)
    )
    UPDATE parts p SET state = e.state, deferred = 0, held = 0, sim_id = e.sim_id,
        token = greatest(p.token, e.token), port = coalesce(e.port, p.port), attempts = greatest(p.attempts, e.attempts),
        reference = CASE WHEN e.state IN ('queued', 'in_doubt') THEN NULL ELSE coalesce(e.reference, p.reference) END,
        started_at = coalesce(e.started_at, p.started_at), ended_at = coalesce(e.ended_at, p.ended_at),
        service_centre_at = coalesce(e.service_centre_at, p.service_centre_at)
    FROM unnest(?::bigint[], ?::bigint[], ?::text[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[],
            ?::bigint[], ?::bigint[], ?::bigint[])
        AS e (message_id, seq, state, sim_id, token, port, reference, attempts, started_at, ended_at, service_centre_at, fits)
    WHERE p.message_id = e.message_id AND p.seq = e.seq AND (
        e.fits = 1 AND p.state <> 'delivered'
        OR e.state IN ('submitted', 'delivered') AND p.state IN ('queued', 'in_doubt', 'failed', 'cancelled')
            AND (p.state <> 'failed' OR p.reference IS NULL)
        OR p.sim_id = e.sim_id AND p.state = 'submitted' AND e.state IN ('delivered', 'failed')
    )
"""
_KEEP_ATTEMPTS = """
    INSERT INTO refusals (message_id, seq, token, sim_id, cause, refused_at, port, outcome, reason, reason_fr)
    SELECT e.* FROM unnest(?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::text[], ?::bigint[], ?::bigint[], ?::text[],
            ?::text[], ?::text[])
        AS e (message_id, seq, token, sim_id, cause, refused_at, port, outcome, reason, reason_fr)
    JOIN messages m ON m.id = e.message_id
    ORDER BY 1, 2, 3 ON CONFLICT (message_id, seq, token) DO NOTHING
"""
_NOTE_TRIES = """
    UPDATE messages m SET retry_count = greatest(m.retry_count, e.retries),
        failure_reason = CASE WHEN e.reason IS NULL THEN m.failure_reason ELSE e.reason END
    FROM unnest(?::bigint[], ?::bigint[], ?::text[]) AS e (id, retries, reason)
    WHERE m.id = e.id AND m.status = 'pending'
"""
_DOUBT = "UPDATE queue SET state = 'in_doubt', told = 1 WHERE message_id = ANY(?::bigint[])"
# Of rows that PostgreSQL was restored to: they are this box's again.
_TAKE_BACK = """
    UPDATE queue SET state = CASE WHEN state = 'in_doubt' THEN state ELSE 'started' END, box = ?, epoch = ?, incarnation = ?
    WHERE message_id = ANY(?::bigint[])
"""
_LATE = """
    UPDATE messages m SET unsent = m.parts - s.sent, sent_at = CASE WHEN m.parts = s.sent THEN s.last ELSE m.sent_at END
    FROM (SELECT message_id, count(DISTINCT seq) AS sent, max(sent_at) AS last FROM sent_parts
          WHERE message_id = ANY(?::bigint[]) GROUP BY message_id) s
    WHERE m.id = s.message_id AND m.status IN ('failed', 'cancelled') AND m.unsent <> m.parts - s.sent
    RETURNING m.id, m.status, m.parts - m.unsent
"""
# A report says that a part was not delivered: the state of the part is kept before.
_UNDELIVERED = """
    SELECT DISTINCT m.id FROM messages m JOIN sent_parts s ON s.message_id = m.id AND s.sim_id = m.sim_id
    JOIN parts p ON p.message_id = s.message_id AND p.seq = s.seq AND p.state = 'failed'
    WHERE m.id = ANY(?::bigint[]) AND m.status = 'sent'
"""
_AMEND = """
    UPDATE inbox SET text = ?, sent_at = ?, incomplete = ? WHERE id = (
        SELECT id FROM inbox WHERE sim_id = ? AND sender = ? AND received_at = ? AND incomplete = 1 ORDER BY id DESC LIMIT 1)
    RETURNING id
"""


@dataclass(slots=True)
class Kept:
    """The result of keeping some outcomes."""

    changes: Changes = field(default_factory=Changes)
    final: set[int] = field(default_factory=set)  # of their messages, those that have ended
    texts: list[int] = field(default_factory=list)


class Keeping:
    """Keeps outcomes of one box within one transaction."""

    def __init__(
        self,
        db: Transaction,
        box: Box,
        at: Moment,
        calendar: Calendar,
        submit_timeout_s: float,
        text_taken: TextTaken | None,
        *,
        recovering: bool = False,
    ) -> None:
        self._db = db
        self._box = box
        self._at = at
        self._calendar = calendar
        self._submit_timeout_s = submit_timeout_s
        self._text_taken = text_taken
        self._recovering = recovering

    def take(self, told: Sequence[News]) -> Kept:
        """Keep some outcomes, in order."""
        kept = Kept()
        parts = [each for each in told if isinstance(each, PartNews)]
        attempts = [each for each in told if isinstance(each, AttemptNews)]
        failures = [each for each in told if isinstance(each, FailureNews)]
        reports = [each for each in told if isinstance(each, ReportNews)]
        self._take_messages(parts, attempts, failures, kept)
        if reports:
            self._take_reports(reports, kept)
        for each in told:
            if isinstance(each, TextNews):
                self._take_text(each, kept)
        return kept

    def _take_messages(
        self,
        parts: Sequence[PartNews],
        attempts: Sequence[AttemptNews],
        failures: Sequence[FailureNews],
        kept: Kept,
    ) -> None:
        told: list[PartNews | AttemptNews | FailureNews] = [*parts, *attempts, *failures]
        ids = endings.rows_of(each.message_id for each in told)
        if not ids:
            return
        rows = {row["message_id"]: row for row in fetch(self._db, _HOLD, (numbers(ids),))}
        last = {(each.message_id, each.seq): each for each in parts}
        fitting = {
            each.message_id for each in last.values() if self._fits(rows.get(each.message_id), each.epoch)
        }
        if self._recovering:
            fitting |= self._take_back(last.values(), rows, fitting)
        without_row = [each for each in ids if each not in rows]
        if without_row:
            endings.lock(self._db, without_row)
        if parts:
            self._keep(parts, last.values(), fitting)
        if attempts:
            self._keep_attempts(attempts)
        ended = self._settle(last.values(), rows, fitting, kept.changes)
        open_ids = [each for each in rows if each not in ended]
        self._note(last.values(), attempts, open_ids)
        self._doubt(last.values(), rows, fitting - ended, kept.changes)
        if without_row:
            self._count_late(without_row, kept.changes)
        ended |= self._fail(failures, rows, kept.changes)
        endings.delivered(
            self._db, {each.message_id: each.at for each in parts if each.state == "delivered"}, kept.changes
        )
        kept.final |= ended | set(without_row)

    def _fits(self, row: Mapping[str, Any] | None, epoch: int | None) -> bool:
        """Whether a row is of this box, which started it, under this epoch."""
        return (
            row is not None
            and row["state"] in ("started", "in_doubt")
            and row["box"] == self._box.name
            and row["epoch"] == epoch
        )

    def _take_back(
        self, last: Iterable[PartNews], rows: Mapping[int, Mapping[str, Any]], fitting: Collection[int]
    ) -> set[int]:
        """Give this box the rows of messages that it puts in doubt, and of which PostgreSQL was restored to an older state."""
        taken = {
            each.message_id
            for each in last
            if each.state == "in_doubt"
            and each.message_id in rows
            and each.message_id not in fitting
            and not rows[each.message_id]["told"]
        }
        if taken:
            self._db.execute(
                _TAKE_BACK, (self._box.name, self._box.epoch, self._box.incarnation, sorted(taken))
            )
        return taken

    def _keep(self, parts: Iterable[PartNews], last: Iterable[PartNews], fitting: Collection[int]) -> None:
        """Keep which SIM sent which part, whatever became of the messages; and the newest state of each part."""
        sent: dict[tuple[int, int, int], tuple[int | None, int, int | None, int | None]] = {}
        for each in parts:
            if each.state not in SENT:
                continue
            key = (each.message_id, each.seq, each.sim_id)
            reference, sent_at, delivered_at, stamp = sent.get(key, (None, each.sent_at, None, None))
            sent[key] = (
                each.reference if reference is None else reference,
                sent_at,
                each.at if each.state == "delivered" and delivered_at is None else delivered_at,
                stamp if each.service_centre_at is None else each.service_centre_at,
            )
        states = [
            (
                each.message_id,
                each.seq,
                each.state,
                each.sim_id,
                each.token,
                each.port,
                each.reference,
                each.attempts,
                each.started_at,
                each.ended_at,
                each.service_centre_at,
                int(each.message_id in fitting),
            )
            for each in last
        ]
        appended = columns(((*key, *row) for key, row in sorted(sent.items())), 7)
        self._db.execute(_KEEP, (self._box.name, *appended, *columns(states, 12)))

    def _keep_attempts(self, attempts: Iterable[AttemptNews]) -> None:
        rows = [
            (
                each.message_id,
                each.seq,
                each.token,
                each.sim_id,
                each.cause,
                each.at,
                each.port,
                each.outcome,
                each.reason,
                each.reason_fr,
            )
            for each in attempts
        ]
        self._db.execute(_KEEP_ATTEMPTS, columns(rows, 10))

    def _settle(
        self,
        last: Iterable[PartNews],
        rows: Mapping[int, Mapping[str, Any]],
        fitting: Collection[int],
        changes: Changes,
    ) -> set[int]:
        """End the messages of which one SIM sent every part; their ids."""
        at_once: list[End] = []
        others: set[int] = set()
        for each in last:
            row = rows.get(each.message_id)
            if row is None or each.state not in SENT:
                continue
            if each.message_id in fitting and row["parts"] == 1 and row["message_sim"] == each.sim_id:
                at_once.append(End(each.message_id, each.sent_at, retries=max(0, each.attempts - 1)))
            else:
                others.add(each.message_id)
        ended = {end.message_id for end in at_once}
        endings.sent(self._db, at_once, self._calendar, changes)
        if others:
            ended |= settling.settle(
                self._db,
                others,
                self._at,
                self._calendar,
                changes,
                finish_started=fitting,
                restored=self._recovering,
            )
        return ended

    def _note(
        self, last: Iterable[PartNews], attempts: Iterable[AttemptNews], open_ids: Collection[int]
    ) -> None:
        """Note what messages that did not end are told to wait for, and how often they were tried."""
        if not open_ids:
            return
        settling.count_unsent(self._db, open_ids)
        waiting = set(open_ids)
        tries: dict[int, int] = {}
        for each in last:
            if each.message_id in waiting:
                tries[each.message_id] = max(tries.get(each.message_id, 0), each.attempts - 1)
        reasons = {
            each.message_id: f"{each.reason} / {each.reason_fr}"
            for each in attempts
            if each.outcome == "refused" and each.message_id in waiting
        }
        noted = [(each, tries.get(each, 0), reasons.get(each)) for each in sorted({*tries, *reasons})]
        if noted:
            self._db.execute(_NOTE_TRIES, columns(noted, 3))

    def _doubt(
        self,
        last: Iterable[PartNews],
        rows: Mapping[int, Mapping[str, Any]],
        fitting: Collection[int],
        changes: Changes,
    ) -> None:
        """Put messages in doubt of which their own box tells that a part is."""
        doubtful = {each.message_id for each in last if each.state == "in_doubt"} & set(fitting)
        if doubtful:
            self._db.execute(_DOUBT, (sorted(doubtful),))
            new = [each for each in doubtful if rows[each]["state"] != "in_doubt"]
            endings.in_doubt(self._db, new, IN_DOUBT.text, self._at.now, changes)

    def _count_late(self, message_ids: Collection[int], changes: Changes) -> None:
        """Count parts that were sent of messages that had ended otherwise."""
        before = {
            row[0]: row[1]
            for row in self._db.execute(
                "SELECT id, parts - unsent FROM messages WHERE id = ANY(?::bigint[])", (sorted(message_ids),)
            )
        }
        for message_id, status, sent in self._db.execute(_LATE, (sorted(message_ids),)).fetchall():
            if status == "failed" and sent > before[message_id]:
                changes.sent_in_part(message_id, sent - before[message_id], self._at.now, self._at.today)

    def _fail(
        self, failures: Sequence[FailureNews], rows: Mapping[int, Mapping[str, Any]], changes: Changes
    ) -> set[int]:
        """End messages that failed at this box, while it has them; and sent ones of which a report tells that they did not arrive."""
        if not failures:
            return set()
        by_id = {each.message_id: each for each in failures}
        theirs = {
            message_id
            for message_id, each in by_id.items()
            if (row := rows.get(message_id)) is not None
            and row["box"] == self._box.name
            and row["epoch"] == each.epoch
        }
        undelivered = {row[0] for row in self._db.execute(_UNDELIVERED, (sorted(by_id),))}
        still = {
            row[0]
            for row in self._db.execute(
                "SELECT message_id FROM queue WHERE message_id = ANY(?::bigint[])", (sorted(theirs),)
            )
        }
        ends = [
            End(message_id, by_id[message_id].at, by_id[message_id].reason)
            for message_id in sorted((theirs & still) | undelivered)
        ]
        return endings.failed(self._db, ends, self._calendar, changes)

    def _take_reports(self, reports: Sequence[ReportNews], kept: Kept) -> None:
        found = late_reports.match(self._db, reports, self._submit_timeout_s, self._at)
        self._take_messages(found.parts, (), (), kept)
        undelivered = {row[0] for row in self._db.execute(_UNDELIVERED, (sorted(found.failed),))}
        ends = [End(message_id, self._at.now, found.failed[message_id]) for message_id in sorted(undelivered)]
        endings.failed(self._db, ends, self._calendar, kept.changes)

    def _take_text(self, text: TextNews, kept: Kept) -> None:
        inbox_id: int | None = None
        if text.amends:
            row = self._db.execute(
                _AMEND,
                (
                    text.text,
                    text.sent_at,
                    int(text.incomplete),
                    text.sim_id,
                    text.sender,
                    text.received_at,
                ),
            ).fetchone()
            inbox_id = None if row is None else row[0]
        if inbox_id is None:
            nature = Nature(text.kind, text.encoding, text.port_number)
            inbox_id = inbound.keep_text(
                self._db,
                text.sim_id,
                text.sender,
                text.text,
                nature=nature,
                sent_at=text.sent_at,
                now=text.received_at,
                incomplete=text.incomplete,
            )
        if self._text_taken is not None:
            self._text_taken(self._db, inbox_id, text.received_at)
        kept.changes.tell_text(inbox_id, text.received_at)
        kept.texts.append(inbox_id)
