"""References (TP-MR) that the modem tells after the time limit of their part."""

from __future__ import annotations

import logging

from modem.port.connection import Connection

log = logging.getLogger(__name__)


def report_late_references(connection: Connection) -> None:
    """Tell the gateway the references that came late. They settle a part in doubt where it is clear which part they are about."""
    channel, reporter = connection.channel, connection.reporter
    late = channel.take_late()
    if not late:
        return
    owed = channel.owed + len(late)
    connection.record.set_owed(channel.owed)
    if reporter.in_doubt:
        if len(late) < owed:
            log.info(
                "port %d: a late reference is dropped: it may be about more than one part", connection.port
            )
            return
        reporter.correct_outcome(late.pop())
    for each in late:
        reporter.tell_late(each.reference)
