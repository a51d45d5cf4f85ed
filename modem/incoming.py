"""What comes in through a modem: handed to the house, and deleted from the modem only then."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from time import monotonic
from typing import Final

from modem import tpdu
from modem.desk import Desk
from modem.driver import Modem
from modem.lines import Urc
from modem.memories import Stored
from modem.work import PortStatus, Reported, Unreadable, WorkUnavailableError

log = logging.getLogger(__name__)

_CROWDED: Final = 0.8  # of the memory: above it an operator should look, because a full one takes nothing
# Of the time between two listings, what must pass before a modem may ask for another.
_BETWEEN: Final = 1 / 30

# Said in a line of its own when a memory is full, by each vendor in its own way (^SMMEMFULL, +SMSFULL, %MGSL: FULL);
# and when the modem can read its memory, some time after its start.
_LISTS: Final = ("FULL", "SMS DONE", "SMS READY")


@dataclass(frozen=True, slots=True)
class _Direct:
    """A PDU that came straight, and what the port was when it came: another SIM may be active by now."""

    pdu: str
    status: PortStatus


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a message lies: a SIM, a memory (None: the only one) and an index in it."""

    iccid: str
    memory: str | None
    index: int


class Incoming:
    """Texts and reports of one connection. `list_s`: how often the memory is read though nothing was announced."""

    def __init__(self, desk: Desk, modem: Modem, list_s: float) -> None:
        self._desk = desk
        self._modem = modem
        self._list_s = list_s
        self._list_at = 0.0
        self._listed_at = float("-inf")
        self._crowded = False
        self._straight: deque[_Direct] = deque()
        self._announced: deque[_Place] = deque()
        self._deleted = 0
        self._undeleted: dict[_Place, str] = {}  # handed over, and still in the modem

    def take(self, urc: Urc, status: PortStatus | None = None) -> bool:
        """Take note of a URC that is about a text or report. Whether it was. `status`: what the port was when it came."""
        status = status or self._desk.status
        if urc.tag in ("+CMT", "+CDS"):
            if urc.pdu is not None:
                self._straight.append(_Direct(urc.pdu, status))
        elif urc.tag in ("+CMTI", "+CDSI"):
            place = urc.fields
            if len(place) > 1 and place[1].isdecimal():
                self._announced.append(_Place(status.active.iccid, place[0] or None, int(place[1])))
            else:
                self.list_now()
        elif self._asks_for_listing(urc):
            self._list_soon()
        else:
            return False
        return True

    def close(self, urcs: deque[Urc]) -> None:
        """The connection ends: hand over what came straight, which nobody will say again."""
        for urc in urcs:
            if urc.tag in ("+CMT", "+CDS") and urc.pdu is not None:
                self._straight.append(_Direct(urc.pdu, self._desk.status))
        urcs.clear()
        while self._straight:
            if not self._deliver(self._straight[0].pdu, self._straight[0].status):
                log.error(
                    "port %d: %d texts or reports were lost with the connection",
                    self._desk.status.port,
                    len(self._straight),
                )
                return
            self._straight.popleft()

    def list_now(self) -> None:
        """Read the whole memory at the next occasion."""
        self._list_at = 0.0

    @property
    def due_at(self) -> float:
        """When there is something to do though nobody says so, in monotonic seconds."""
        waiting = self._straight or self._announced
        return max(self._desk.back_at, 0.0 if waiting else self._list_at)

    def hand_over(self) -> None:
        """Give the house what came straight."""
        while self._straight and monotonic() >= self._desk.back_at:
            if not self._deliver(self._straight[0].pdu, self._straight[0].status):
                return
            self._straight.popleft()
            self._modem.acknowledge()

    def leave_reports(self) -> None:
        """Leave to the desk the reports that came straight while a part was in the air: the house keeps them in the same
        transaction as the part's outcome. Not for a modem that wants each acknowledged.
        """
        others: deque[_Direct] = deque()
        for direct in self._straight:
            report = _report(direct.pdu)
            status = self._known(direct.status)
            if report is not None and status.active.iccid:
                self._desk.reports.append(Reported(status, report))
            else:
                others.append(direct)
        self._straight = others

    def hand_over_meanwhile(self) -> None:
        """The same while the modem is busy with a part, unless it wants each acknowledged."""
        if not self._modem.acknowledges:
            self.hand_over()

    def fetch(self) -> None:
        """Read what waits in the modem, and delete it there once the house has it."""
        if monotonic() < self._desk.back_at:
            return
        iccid = self._desk.status.active.iccid
        while self._announced:
            place = self._announced[0]
            if place.iccid == iccid:  # else it went with its SIM, and is listed when that is active again
                stored = self._modem.memories.read(place.index, place.memory)
                if stored is None:
                    self._list_soon()  # it was read with a listing; or could not be read now
                elif not self._keep(stored, place.memory):
                    return
            self._announced.popleft()
        if monotonic() >= self._list_at:
            self._list()

    def _asks_for_listing(self, urc: Urc) -> bool:
        """Whether a modem says that its memory is full or can be read. Reading and deleting makes room."""
        if urc.tag == "+CIEV":
            indicator, *rest = urc.fields
            return indicator.lower() in self._modem.indications.about_texts() and rest[:1] != ["0"]
        line = urc.line.upper()
        return any(sign in line for sign in _LISTS)

    def _list_soon(self) -> None:
        """Read the whole memory, but not again and again where that helps nothing."""
        self._list_at = min(self._list_at, self._listed_at + self._list_s * _BETWEEN)

    def _list(self) -> None:
        self._listed_at = monotonic()
        self._list_at = self._listed_at + self._list_s
        deleted = self._deleted
        usual = self._modem.memories.usual
        unread: list[str | None] = []
        for memory in dict.fromkeys((*self._modem.read_from, *self._modem.memories.others)):
            messages = self._modem.memories.stored(memory)
            if messages is None:
                unread.append(memory)
            for stored in messages or ():
                if not self._keep(stored, memory):
                    self._list_at = self._desk.back_at
                    return
        self._modem.memories.others = tuple(name for name in self._modem.memories.others if name in unread)
        self._watch_room(made_room=self._deleted > deleted)
        if self._modem.memories.usual != usual:
            self._list_soon()

    def _watch_room(self, *, made_room: bool) -> None:
        """Warn of a memory that fills up with what stays in it."""
        filling = self._modem.memories.filling()
        if filling is None:
            return
        used, places = filling
        crowded = used > places * _CROWDED
        if crowded and made_room:  # the network filled it again at once
            self._list_soon()
            return
        if crowded and not self._crowded:
            log.warning(
                "port %d: %d of %d places for texts stay taken by what cannot be deleted, or was never received here:"
                " once all are, nothing comes in; empty the memory in a telephone",
                self._desk.status.port,
                used,
                places,
            )
        self._crowded = crowded

    def _keep(self, stored: Stored, memory: str | None) -> bool:
        """Hand a stored message to the house and delete it. False: the house can keep nothing now."""
        place = _Place(self._desk.status.active.iccid, memory or self._modem.memories.usual, stored.index)
        known = self._undeleted.get(place) == stored.pdu
        if not known and not self._deliver(self._second_look(stored, memory), self._desk.status):
            return False
        if self._modem.memories.delete(stored.index, memory):
            self._deleted += 1
            self._undeleted.pop(place, None)
        elif not known:
            log.warning(
                "port %d: the modem does not delete message %d; it is tried again now and then",
                self._desk.status.port,
                stored.index,
            )
            self._undeleted[place] = stored.pdu
        return True

    def _second_look(self, stored: Stored, memory: str | None) -> str:
        """The PDU; read once more where it makes no sense, for it may have been garbled on the line."""
        try:
            tpdu.parse(stored.pdu)
        except tpdu.TpduError:
            again = self._modem.memories.read(stored.index, memory)
            if again is not None and again.pdu:
                return again.pdu
        return stored.pdu

    def _known(self, status: PortStatus) -> PortStatus:
        """What the port was when something came; what it is now where that came before the SIM was known."""
        return status if status.active.iccid else self._desk.status

    def _deliver(self, pdu: str, status: PortStatus) -> bool:
        """Hand one PDU to the house. False: it can keep nothing now."""
        work = self._desk.work
        status = self._known(status)
        if not status.active.iccid:
            return False
        try:
            try:
                message = tpdu.parse(pdu)
            except tpdu.TpduError as error:
                work.received(status, Unreadable(pdu, str(error)))
                return True
            if isinstance(message, tpdu.StatusReport):
                work.reported(status, message)
            else:
                work.received(status, message)
        except WorkUnavailableError as error:
            self._desk.unavailable(error)
            return False
        return True


def _report(pdu: str) -> tpdu.StatusReport | None:
    """The status report that a PDU is; None where it is something else, or cannot be read."""
    try:
        message = tpdu.parse(pdu)
    except tpdu.TpduError:
        return None
    return message if isinstance(message, tpdu.StatusReport) else None
