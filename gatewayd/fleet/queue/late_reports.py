"""Matches status reports that fit no part at the box that took them: of cards that moved, or that came late.

As `gatewayd.messages.reports`, by what the fleet knows: which SIM sent which part, and which parts are in doubt.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gatewayd.fleet.queue.news import PartNews, ReportNews
from gatewayd.messages import reports
from gatewayd.store import Transaction
from gatewayd.store.tables.parts import Part
from gatewayd.timekeeping.clock import SECOND, Moment
from modem.sms.tpdu import ReportKind, StatusReport

log = logging.getLogger(__name__)

_SENT = """
    SELECT s.message_id, s.seq,
        CASE WHEN s.delivered_at IS NOT NULL THEN 'delivered' WHEN p.state = 'failed' AND p.sim_id = s.sim_id THEN 'failed'
            ELSE 'submitted' END,
        s.sim_id, p.token, p.attempts, s.reference, coalesce(p.started_at, s.sent_at), s.sent_at, s.service_centre_at, m.recipient
    FROM sent_parts s JOIN parts p ON p.message_id = s.message_id AND p.seq = s.seq JOIN messages m ON m.id = s.message_id
    WHERE s.sim_id = ? AND {} ORDER BY s.sent_at DESC LIMIT 1000
"""
_WITH_REFERENCE = _SENT.format("s.reference = ?")
_WITHOUT_REFERENCE = _SENT.format("s.reference IS NULL AND s.sent_at BETWEEN ? AND ?")

# In doubt now, or queued again after a doubt of this SIM.
_DOUBTFUL = """
    SELECT p.message_id, p.seq, 'in_doubt', p.sim_id, p.token, p.attempts, p.reference, p.started_at, p.ended_at,
        p.service_centre_at, m.recipient
    FROM parts p JOIN messages m ON m.id = p.message_id
    WHERE p.sim_id = :sim AND p.state IN ('submitting', 'in_doubt') AND p.started_at IS NOT NULL
    UNION
    SELECT r.message_id, r.seq, 'in_doubt', r.sim_id, r.token, 1, NULL::bigint, r.refused_at, r.refused_at, NULL::bigint, m.recipient
    FROM refusals r JOIN messages m ON m.id = r.message_id
    WHERE r.outcome = 'in_doubt' AND r.sim_id = :sim AND r.refused_at BETWEEN :since AND :until
        AND NOT EXISTS (SELECT 1 FROM sent_parts s WHERE s.message_id = r.message_id AND s.seq = r.seq AND s.sim_id = r.sim_id)
        AND NOT EXISTS (SELECT 1 FROM parts p WHERE p.message_id = r.message_id AND p.seq = r.seq
            AND p.sim_id = r.sim_id AND p.state IN ('submitting', 'in_doubt') AND p.started_at IS NOT NULL)
"""

_CLOCK_SLACK = 300 * SECOND


@dataclass(slots=True)
class Matched:
    """Parts that reports mean, and the messages of which they tell that they failed, with the reason."""

    parts: list[PartNews] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)


def match(db: Transaction, told: Sequence[ReportNews], submit_timeout_s: float, at: Moment) -> Matched:
    """The parts that these reports mean. Nothing is changed."""
    matched = Matched()
    for report in told:
        row = db.execute("SELECT id FROM sims WHERE iccid = ?", (report.iccid,)).fetchone()
        part = None if row is None else _meant(db, row[0], report, submit_timeout_s, at)
        if part is None:
            log.info("a status report matches no part of the fleet")
            continue
        _add(matched, part, report)
    return matched


def _meant(
    db: Transaction, sim_id: int, report: ReportNews, submit_timeout_s: float, at: Moment
) -> Part | None:
    stamp = report.service_centre_at
    with_reference = [Part(*row) for row in db.execute(_WITH_REFERENCE, (sim_id, report.reference))]
    part, repeated = reports.by_reference(with_reference, report.recipient, stamp)
    if part is not None or repeated or stamp is None or not at.trusted:
        return part
    timeout = int(submit_timeout_s * SECOND)
    since, until = stamp - _CLOCK_SLACK - timeout, stamp + _CLOCK_SLACK + timeout
    candidates = [Part(*row) for row in db.execute(_WITHOUT_REFERENCE, (sim_id, since, until))]
    candidates += [
        Part(*row) for row in db.execute(_DOUBTFUL, {"sim": sim_id, "since": since, "until": until})
    ]
    return reports.by_time(candidates, report.recipient, stamp, submit_timeout_s)


def _add(matched: Matched, part: Part, report: ReportNews) -> None:
    kind = StatusReport("", report.reference, report.recipient, None, None, report.status).kind
    news = PartNews(
        part.message_id,
        part.seq,
        "submitted",
        part.sim_id,
        report.at,
        token=part.token,
        reference=report.reference,
        attempts=part.attempts,
        started_at=part.started_at,
        ended_at=part.ended_at,
        service_centre_at=report.service_centre_at,
    )
    matched.parts.append(news)  # whatever it tells: the network had the part
    if kind is ReportKind.DELIVERED:
        matched.parts.append(replace(news, state="delivered"))
    elif kind is ReportKind.FAILED:
        matched.parts.append(replace(news, state="failed"))
        matched.failed[part.message_id] = reports.undelivered(report.status)
