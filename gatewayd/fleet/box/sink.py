"""Tells the fleet of status reports that fit no part of this box: the SIM was in another box when it sent the part."""

from __future__ import annotations

from gatewayd.messages import reports
from gatewayd.store import Transaction
from gatewayd.store.tables import outcomes, sims
from gatewayd.timekeeping.clock import Calendar, Moment
from modem.sms.tpdu import StatusReport


class ReportSink:
    """Notes unmatched reports as outcomes (see `OutcomeSink`)."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar

    def unmatched(self, db: Transaction, sim_id: int, report: StatusReport, at: Moment) -> None:
        """See `OutcomeSink.unmatched`."""
        document = {
            "iccid": sims.iccid_of(db, sim_id),
            "reference": report.reference,
            "recipient": report.recipient,
            "service_centre_at": reports.stamp_of(report, self._calendar),
            "status": report.status,
        }
        outcomes.note(db, "report", document, at.now)
