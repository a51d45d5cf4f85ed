"""References (TP-MR) that the modem reports after the time limit of their part."""

from __future__ import annotations

import logging

from modem.port.connection import Connection
from modem.port.status import PortStatus

log = logging.getLogger(__name__)


def report_late_references(connection: Connection, status: PortStatus | None = None) -> None:
    """Pass late references to the gateway. They settle a part in doubt where it is clear to which part they belong.

    `status`: of the port when the SIM was active that submitted the parts; by default the present one.
    """
    channel, reporter = connection.channel, connection.reporter
    late = channel.take_late()
    if not late:
        return
    owed = channel.owed + len(late)
    connection.record.set_owed(channel.owed)
    if reporter.in_doubt:
        if len(late) < owed:
            log.info(
                "port %d: a late reference is dropped: it may belong to more than one part", connection.port
            )
            return
        reporter.correct_outcome(late.pop())
    for each in late:
        reporter.tell_late(status or reporter.status, each.reference)
