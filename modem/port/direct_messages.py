"""Texts and reports that the modem passes on without storing them (+CMT, +CDS)."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from time import monotonic

from modem.at.responses import Urc, is_text_form
from modem.port.connection import Connection
from modem.port.inbound_delivery import InboundDelivery, parse_message
from modem.port.interface import Reported
from modem.port.status import PortStatus
from modem.sms import tpdu

log = logging.getLogger(__name__)

TAGS = ("+CMT", "+CDS")


@dataclass(frozen=True, slots=True)
class _Direct:
    """A PDU that came directly, and the port's status at that time: another SIM may be active by now.

    `head`: the line before it, where the modem sent both in text mode; `pdu` is the text itself then.
    """

    pdu: str
    status: PortStatus
    head: str = ""


class DirectMessages:
    """The direct messages of one connection, until the gateway has stored them."""

    def __init__(self, connection: Connection, delivery: InboundDelivery) -> None:
        self._connection = connection
        self._delivery = delivery
        self._waiting: deque[_Direct] = deque()

    @property
    def waiting(self) -> bool:
        """Whether messages wait to be handed over."""
        return bool(self._waiting)

    def take(self, urc: Urc, status: PortStatus) -> None:
        """Queue the message of a URC that came while the port had this status."""
        in_text_mode = is_text_form(urc.line)
        if urc.pdu is not None or in_text_mode:
            head = urc.line if in_text_mode else ""
            self._waiting.append(_Direct(urc.pdu or "", status, head))

    def hand_over(self) -> None:
        """Give the queued messages to the gateway, and acknowledge them to the modem."""
        while self._waiting and monotonic() >= self._connection.reporter.back_at:
            if not self._deliver(self._waiting[0]):
                return
            self._waiting.popleft()
            self._connection.modem.acknowledge()

    def leave_reports(self) -> None:
        """Leave the queued reports to the reporter: the gateway stores them in the same transaction as the next outcome.

        Not for a modem that wants each acknowledged.
        """
        others: deque[_Direct] = deque()
        for direct in self._waiting:
            report = _report(direct)
            status = self._delivery.identified(direct.status)
            if report is not None and status.active.iccid:
                self._connection.reporter.add_report(Reported(status, report))
            else:
                others.append(direct)
        self._waiting = others

    def close(self, urcs: deque[Urc]) -> None:
        """Hand over what is queued and what `urcs` still hold, because the connection ends and no modem repeats it."""
        for urc in urcs:
            if urc.tag in TAGS:
                self.take(urc, self._connection.reporter.status)
        urcs.clear()
        while self._waiting:
            if not self._deliver(self._waiting[0]):
                log.error(
                    "port %d: %d texts or reports were lost with the connection",
                    self._connection.port,
                    len(self._waiting),
                )
                return
            self._waiting.popleft()

    def _deliver(self, direct: _Direct) -> bool:
        """Hand over one message. Return False if the gateway can store nothing now."""
        message, status = (
            parse_message(direct.pdu, direct.head),
            self._delivery.identified(direct.status),
        )
        if not self._delivery.deliver(message, status):
            return False
        self._delivery.is_gone(status, message)
        return True


def _report(direct: _Direct) -> tpdu.StatusReport | None:
    """Return the status report that came; None for anything else, and for one that cannot be read."""
    message = parse_message(direct.pdu, direct.head)
    return message if isinstance(message, tpdu.StatusReport) else None
