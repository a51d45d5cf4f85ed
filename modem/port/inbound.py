"""Inbound texts and reports of one connection, however the modem passes them on."""

from __future__ import annotations

from collections import deque
from typing import Final

from modem.at.responses import Urc
from modem.driver.notifications import is_about_texts
from modem.port import direct_messages
from modem.port.connection import Connection
from modem.port.direct_messages import DirectMessages
from modem.port.inbound_delivery import InboundDelivery
from modem.port.memory_watch import MemoryWatch
from modem.port.status import PortStatus
from modem.port.stored_messages import StoredMessages

# In a line of its own: a memory is full, in each vendor's own form (^SMMEMFULL, +SMSFULL, %MGSL: FULL); or the modem can
# read its memory, some time after its start.
_LISTS: Final = ("FULL", "SMS DONE", "SMS READY")


class Inbound:
    """Passes inbound messages from the modem to the gateway, and deletes them from the modem only after that."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        delivery = InboundDelivery(connection)
        self._watch = MemoryWatch(connection)
        self._direct = DirectMessages(connection, delivery)
        self._stored = StoredMessages(connection, delivery, self._watch)

    @property
    def due_at(self) -> float:
        """When there is something to do without a URC, in monotonic seconds."""
        waiting = self._direct.waiting or self._stored.waiting
        return max(self._connection.reporter.back_at, 0.0 if waiting else self._watch.due_at)

    def take(self, urc: Urc, status: PortStatus | None = None) -> bool:
        """Note a URC about a text or report. Return whether it was one. `status`: the port's status when it came."""
        status = status or self._connection.reporter.status
        if urc.tag in direct_messages.TAGS:
            self._direct.take(urc, status)
        elif urc.tag in ("+CMTI", "+CDSI"):
            place = urc.fields
            if len(place) > 1 and place[1].isdecimal():
                self._stored.announce(place[0], int(place[1]), status.active.iccid)
            else:
                self.list_now()
        elif self._asks_for_listing(urc):
            self._watch.list_soon()
        else:
            return False
        return True

    def list_now(self) -> None:
        """List the whole memory at the next occasion."""
        self._watch.list_now()

    def look(self) -> None:
        """Read how full the memory is, and list it soon if it holds messages that no listing left there."""
        self._watch.look()

    def hand_over(self) -> None:
        """Give the direct messages to the gateway."""
        self._direct.hand_over()

    def hand_over_meanwhile(self) -> None:
        """Do the same while the modem is busy with a part, unless it wants each message acknowledged."""
        if not self._connection.modem.acknowledges:
            self._direct.hand_over()

    def leave_reports(self) -> None:
        """Leave the direct reports to be stored with the next outcome."""
        self._direct.leave_reports()

    def fetch(self) -> None:
        """Read the stored messages, and delete them once the gateway has stored them."""
        self._stored.fetch()

    def close(self, urcs: deque[Urc]) -> None:
        """The connection ends: hand over the direct messages, also those among `urcs`, which it empties."""
        self._direct.close(urcs)

    def _asks_for_listing(self, urc: Urc) -> bool:
        """Return whether a modem reports that its memory is full, or readable by now. Reading and deleting makes room."""
        if urc.tag == "+CIEV":
            indicator, *rest = urc.fields
            about_texts = (
                is_about_texts(indicator) or indicator in self._connection.modem.notifications.about_texts()
            )
            return about_texts and rest[:1] != ["0"]
        line = urc.line.upper()
        return any(sign in line for sign in _LISTS)
