"""Reads inbound messages and hands them to the gateway."""

from __future__ import annotations

from collections import deque

from modem.at.responses import tag
from modem.driver import text_mode
from modem.port.conditions import Condition
from modem.port.connection import Connection
from modem.port.interface import Unreadable, WorkUnavailableError
from modem.port.status import PortStatus
from modem.sms import tpdu

Message = tpdu.Deliver | tpdu.StatusReport | Unreadable


class InboundDelivery:
    """Hands texts and reports of one connection to the gateway, and tells it which texts were deleted."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # Deletions that the gateway must be told.
        self._untold: deque[tuple[PortStatus, tpdu.Deliver]] = deque()

    def identified(self, status: PortStatus) -> PortStatus:
        """Return the status when something came, or the present one if it came before the SIM was identified."""
        return status if status.active.iccid else self._connection.reporter.status

    def deliver(self, message: Message, status: PortStatus) -> bool:
        """Hand one message to the gateway. Return False if it can store nothing now."""
        reporter = self._connection.reporter
        status = self.identified(status)
        if not status.active.iccid:
            return False
        try:
            if isinstance(message, tpdu.StatusReport):
                reporter.work.reported(status, message)
            else:
                reporter.work.received(status, message)
        except WorkUnavailableError as error:
            reporter.unavailable(error)
            return False
        if isinstance(message, Unreadable):
            reporter.set_condition(Condition.UNREADABLE_TEXTS, present=True)
        return True

    def is_gone(self, status: PortStatus, message: Message) -> None:
        """Note that a message is no longer in the modem.

        The gateway must know this of a text without a date: if the same text comes again, it is another one.
        """
        if isinstance(message, tpdu.Deliver) and message.signal is None and not message.has_date:
            self._untold.append((status, message))
            self.tell_deletions()

    def tell_deletions(self) -> bool:
        """Tell the gateway of deletions. Return False if it can store nothing now."""
        reporter = self._connection.reporter
        while self._untold:
            try:
                reporter.work.deleted(*self._untold[0])
            except WorkUnavailableError as error:
                reporter.unavailable(error)
                return False
            self._untold.popleft()
        return True


def parse_message(pdu: str, head: str = "") -> Message:
    """Parse an inbound message. `head`: the line before it, where it came in text mode; `pdu` is the text itself then."""
    try:
        return _parse_text_form(pdu, head) if head else tpdu.parse(pdu)
    except tpdu.TpduError as error:
        return Unreadable("\n".join(filter(None, (head, pdu))), str(error))


def _parse_text_form(text: str, head: str) -> tpdu.Deliver | tpdu.StatusReport:
    """Parse a text or report that came in text mode. Raises TpduError."""
    report = text_mode.read_report(head) if tag(head) == "+CDS" else None
    found = report or (None if tag(head) == "+CDS" else text_mode.read_text(head, text))
    if found is None:
        raise tpdu.TpduError("it came in text mode, and is not of the form that 27.005 gives")
    return found
