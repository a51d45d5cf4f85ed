"""Status reports: which part each speaks of, and what it says.

A report names the SIM's TP-MR, which wraps after 256 parts, and the recipient. Both must fit; time alone never
matches. A report may come before the answer to its own submission, and then waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd import lifecycle
from gatewayd.clock import SECOND, Moment, microseconds
from gatewayd.news import News
from gatewayd.numbers import same_number
from gatewayd.store import inbound, parts
from gatewayd.store.database import Connection, Row
from modem.tpdu import ReportKind, StatusReport

# The service centre's clock and ours may differ by this much and still mean the same submission.
_CLOCK_SLACK = 300 * SECOND

# How long a report waits for its submission to be answered. Submissions last 3 minutes at most.
_EARLY_KEPT = 600 * SECOND

# TP-ST (23.040, 9.2.3.15), what an operator can make of it.
_REASONS = {
    0x40: "remote procedure error",
    0x41: "the recipient's phone cannot take this kind of message",
    0x42: "the recipient's phone or network rejected it",
    0x43: "the recipient's number was not obtainable",
    0x44: "quality of service not available",
    0x45: "no interworking with the recipient's network",
    0x46: "the validity period ran out before the phone could be reached",
    0x47: "deleted by the sender",
    0x48: "deleted by the operator's service centre",
    0x49: "the message does not exist at the service centre any more",
}


@dataclass(frozen=True, slots=True)
class _Told:
    """A report as it was told, or as it was kept."""

    reference: int
    recipient: str
    service_centre_at: int | None
    status: int
    kind: ReportKind


def take(
    db: Connection, sim_id: int, report: StatusReport, submit_timeout_s: float, at: Moment, news: News
) -> None:
    """Apply a report to its part, or keep it a while for a part whose submission is not answered yet."""
    scts = None if report.service_centre_at is None else microseconds(report.service_centre_at)
    told = _Told(report.reference, report.recipient, scts, report.status, report.kind)
    part = _by_reference(db, sim_id, told) or _by_window(db, sim_id, told, submit_timeout_s, at, news)
    if part is not None:
        _apply(db, part, told, at, news)
        return
    inbound.drop_reports_before(db, at.now - _EARLY_KEPT)
    inbound.keep_report(db, sim_id, told.reference, told.recipient, scts, told.status, at.now)


def take_early(db: Connection, sim_id: int, part: Row, at: Moment, news: News) -> None:
    """Apply what was reported of a part before its submission was answered. `part`: with its `recipient`."""
    for row in inbound.early_reports(db, sim_id, part["reference"]):
        if row["received_at"] >= part["started_at"] and same_number(row["recipient"], part["recipient"]):
            status = row["status"]
            kind = StatusReport("", row["reference"], row["recipient"], None, None, status).kind
            told = _Told(row["reference"], row["recipient"], row["service_centre_at"], status, kind)
            inbound.drop_report(db, row["id"])
            _apply(db, part, told, at, news)


def _by_reference(db: Connection, sim_id: int, told: _Told) -> Row | None:
    found = [
        part
        for part in parts.awaiting_report(db, sim_id, told.reference)
        if same_number(part["recipient"], told.recipient)
    ]
    if len(found) > 1 and told.service_centre_at is not None:
        scts = told.service_centre_at
        near = [part for part in found if abs(part["ended_at"] - scts) <= _CLOCK_SLACK]
        if near:
            return min(near, key=lambda part: abs(part["ended_at"] - scts))
    return found[0] if found else None


def _by_window(
    db: Connection, sim_id: int, told: _Told, submit_timeout_s: float, at: Moment, news: News
) -> Row | None:
    """The one part with an unknown TP-MR that was being submitted to this recipient when the report's was taken."""
    if told.service_centre_at is None:
        return None
    found = [
        part
        for part in parts.without_reference(db, sim_id)
        if same_number(part["recipient"], told.recipient)
        and part["started_at"] - _CLOCK_SLACK <= told.service_centre_at
        and told.service_centre_at <= _window_end(part, submit_timeout_s) + _CLOCK_SLACK
    ]
    if len(found) != 1:
        return None
    part = found[0]
    if part["state"] == "in_doubt":
        parts.settle_doubt(db, part["message_id"], part["seq"], part["token"], "submitted", told.reference)
        lifecycle.part_taken(db, part["message_id"], at, news)
    return part


def _window_end(part: Row, submit_timeout_s: float) -> int:
    if part["ended_at"] is not None:
        return int(part["ended_at"])
    return int(part["started_at"] + submit_timeout_s * SECOND)


def _apply(db: Connection, part: Row, told: _Told, at: Moment, news: News) -> None:
    if told.kind is ReportKind.DELIVERED:
        lifecycle.part_delivered(db, part["message_id"], part["seq"], at)
    elif told.kind is ReportKind.FAILED:
        words = _REASONS.get(told.status, "the operator's service centre gave up")
        reason = f"not delivered: {words} (TP-ST 0x{told.status:02X})"
        lifecycle.part_undeliverable(db, part["message_id"], part["seq"], reason, at, news)
