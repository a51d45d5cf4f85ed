"""What comes in through a modem: handed to the house, and deleted from the modem only then."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from time import monotonic

from modem import tpdu
from modem.desk import Desk
from modem.driver import Modem, Stored
from modem.lines import Urc
from modem.work import PortStatus, Unreadable, WorkUnavailableError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Direct:
    """A PDU that came straight, and what the port was when it came: another SIM may be active by now."""

    pdu: str
    status: PortStatus


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a message lies: a SIM, a memory (None: the usual one) and an index in it."""

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
        self._straight: deque[_Direct] = deque()
        self._announced: deque[_Place] = deque()
        self._undeleted: dict[_Place, str] = {}  # handed over, and still in the modem

    def take(self, urc: Urc) -> bool:
        """Take note of a URC that is about a text or report. Whether it was."""
        if urc.tag in ("+CMT", "+CDS"):
            if urc.pdu is not None:
                self._straight.append(_Direct(urc.pdu, self._desk.status))
        elif urc.tag in ("+CMTI", "+CDSI"):
            place = urc.fields
            if len(place) > 1 and place[1].isdecimal():
                self._announced.append(
                    _Place(self._desk.status.active.iccid, place[0] or None, int(place[1]))
                )
            else:
                self.list_now()
        elif "FULL" in urc.line.upper():  # each vendor says it differently; reading and deleting makes room
            self.list_now()
        else:
            return False
        return True

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
                stored = self._modem.read(place.index, place.memory)
                if stored is not None and not self._keep(stored, place.memory):
                    return
            self._announced.popleft()
        if monotonic() >= self._list_at:
            self._list()

    def _list(self) -> None:
        self._list_at = monotonic() + self._list_s
        memories = dict.fromkeys((None, self._modem.other_memory))
        for memory in memories:
            for stored in self._modem.stored(memory):
                if not self._keep(stored, memory):
                    self._list_at = self._desk.back_at
                    return
        self._modem.other_memory = None

    def _keep(self, stored: Stored, memory: str | None) -> bool:
        """Hand a stored message to the house and delete it. False: the house can keep nothing now."""
        place = _Place(self._desk.status.active.iccid, memory, stored.index)
        if self._undeleted.get(place) != stored.pdu and not self._deliver(stored.pdu, self._desk.status):
            return False
        if self._modem.delete(stored.index, memory):
            self._undeleted.pop(place, None)
        else:
            log.warning("port %d: the modem does not delete message %d", self._desk.status.port, stored.index)
            self._undeleted[place] = stored.pdu
        return True

    def _deliver(self, pdu: str, status: PortStatus) -> bool:
        """Hand one PDU to the house. False: it can keep nothing now."""
        work = self._desk.work
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
