"""Messages that the modem stored: read, handed to the gateway, and only then deleted."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final

from modem.driver.message_storage import MODEM_MEMORY, Stored
from modem.port.conditions import Condition
from modem.port.connection import Connection
from modem.port.inbound_delivery import InboundDelivery, Message, parse_message
from modem.port.interface import Unreadable
from modem.port.memory_watch import MemoryWatch
from modem.port.status import PortStatus
from modem.sms import tpdu

log = logging.getLogger(__name__)

_REREADS: Final = 3  # of a place that is overwritten again and again


@dataclass(frozen=True, slots=True)
class _StoredAt:
    """The place of a stored message: a SIM, a memory (None: the only one) and an index in it."""

    iccid: str
    memory: str | None
    index: int


@dataclass(frozen=True, slots=True)
class _Found:
    """A message that was read from a place of a memory (None: the usual one)."""

    place: _StoredAt
    memory: str | None
    message: Message

    @property
    def sameness(self) -> object:
        """Equal for messages that the network may have sent twice, and for one message that is read twice."""
        if isinstance(self.message, tpdu.Deliver):
            return self.message.octets or replace(
                self.message, copy=0
            )  # no octets: it was not read from a PDU
        return self.message


class StoredMessages:
    """The stored messages of one connection."""

    def __init__(self, connection: Connection, delivery: InboundDelivery, watch: MemoryWatch) -> None:
        self._connection = connection
        self._modem = connection.modem
        self._reporter = connection.reporter
        self._delivery = delivery
        self._watch = watch
        self._announced: deque[_StoredAt] = deque()
        self._deleted = 0
        self._undeleted: dict[_StoredAt, _Found] = {}  # handed over, and still in the modem

    @property
    def waiting(self) -> bool:
        """Whether announced messages wait to be read."""
        return bool(self._announced)

    def announce(self, memory: str, index: int, iccid: str) -> None:
        """Queue a message for reading that the modem announced while the SIM `iccid` was active."""
        self._announced.append(_StoredAt(iccid, memory or None, index))

    def fetch(self) -> None:
        """Read what waits in the modem, and delete it there once the gateway has stored it."""
        if monotonic() < self._reporter.back_at or not self._delivery.tell_deletions():
            return
        if self._announced and not self._fetch_announced():
            return
        self._watch.look_after_full()
        if self._watch.listing_is_due:
            self._list()

    def _fetch_announced(self) -> bool:
        """Read all announced messages before any of them is deleted. Return False if the gateway can store nothing now.

        So two equal texts that are in the memory at once are told from one that the network repeats.
        """
        iccid = self._reporter.status.active.iccid
        found: list[_Found] = []
        for place in dict.fromkeys(self._announced):
            if place.iccid != iccid and place.memory != MODEM_MEMORY:
                continue  # its SIM is not active; it is listed when that SIM is active again
            stored = self._modem.storage.read(place.index, place.memory)
            if stored is None:
                self._watch.list_soon()  # a listing read it already, or it could not be read now
            else:
                there = self._found(stored, place.memory)
                found.append(replace(there, place=replace(there.place, iccid=place.iccid)))
        if not self._take_over(found):
            return False
        self._announced.clear()
        return True

    def _list(self) -> None:
        """List all memories, and take over their messages."""
        self._watch.begin_listing()
        storage = self._modem.storage
        deleted = self._deleted
        left: int | None = None
        usual = storage.usual
        unread: list[str | None] = []
        cut = False
        for memory in dict.fromkeys((*self._modem.read_from, *storage.others)):
            messages = storage.stored(memory)
            if messages is None:
                unread.append(memory)
            elif storage.cut:
                unread.append(memory)
                cut = True
            else:
                self._forget_gone(memory, messages)
            seen, before = storage.seen, self._deleted
            if not self._take_over(self._found(stored, memory) for stored in messages or ()):
                self._watch.list_after(self._reporter.back_at)
                return
            if memory is None and memory not in unread:
                left = seen - (self._deleted - before)
        unread += [place.memory for place in self._undeleted]
        storage.others = tuple(name for name in storage.others if name in unread)
        self._watch.end_listing(left=left, made_room=self._deleted - deleted)
        if storage.usual != usual or (cut and self._deleted > deleted):
            self._watch.list_soon()

    def _forget_gone(self, memory: str | None, messages: list[Stored]) -> None:
        """Forget messages that could not be deleted and are no longer there."""
        name, indices = memory or self._modem.storage.usual, {stored.index for stored in messages}
        gone = [place for place in self._undeleted if place.memory == name and place.index not in indices]
        for place in gone:
            del self._undeleted[place]
        if gone:
            self._reporter.set_condition(Condition.DELETION_REFUSED, present=bool(self._undeleted))

    def _found(self, stored: Stored, memory: str | None) -> _Found:
        iccid = self._reporter.status.active.iccid
        place = _StoredAt(iccid, memory or self._modem.storage.usual, stored.index)
        return _Found(place, memory, self._parse(stored, memory))

    def _parse(self, stored: Stored, memory: str | None) -> Message:
        """Parse a stored PDU; read it once more if it makes no sense, for the line may have garbled it."""
        message = parse_message(stored.pdu)
        if isinstance(message, Unreadable):
            again = self._modem.storage.read(stored.index, memory)
            if again is not None and again.pdu:
                return parse_message(again.pdu)
        return message

    def _take_over(self, found: Iterable[_Found]) -> bool:
        """Hand messages to the gateway and delete them. Return False if it can store nothing now.

        Equal texts are all handed over before the first is deleted: after a crash in between, the same ones are there.
        """
        alike: dict[object, list[_Found]] = {}
        for each in found:
            alike.setdefault(each.sameness, []).append(each)
        for group in alike.values():
            taken: list[_Found] = []
            for each in group:
                known = self._undeleted.get(each.place)
                if known is not None and known.sameness == each.sameness:
                    taken.append(known)
                    continue
                numbered = self._numbered(each, taken)
                if not self._delivery.deliver(numbered.message, self._status_for(each.place)):
                    return False
                taken.append(numbered)
            for each in taken:
                self._delete(each)
        return True

    def _status_for(self, place: _StoredAt) -> PortStatus:
        """Return the port's status with the SIM active for which a message came: it may have been switched since."""
        status = self._reporter.status
        slot = next((each.slot for each in status.slots if each.iccid == place.iccid), status.active_slot)
        return replace(status, active_slot=slot)

    def _numbered(self, found: _Found, before: list[_Found]) -> _Found:
        """Number a text among equal texts in the memory: those `before` it, and those whose deletion was refused."""
        if not isinstance(found.message, tpdu.Deliver):
            return found
        beside = [
            each.message.copy
            for each in (*before, *self._undeleted.values())
            if isinstance(each.message, tpdu.Deliver)
            and each.place.iccid == found.place.iccid
            and each.place != found.place
            and each.sameness == found.sameness
        ]
        copy = max(beside, default=-1) + 1
        return replace(found, message=replace(found.message, copy=copy)) if copy else found

    def _last_look(self, found: _Found) -> _Found | None:
        """Read a place right before it is deleted; hand over another message that was written there meanwhile.

        Return what is there. None: nothing may be deleted there now.
        """
        for _ in range(_REREADS):
            there = self._modem.storage.read(found.place.index, found.memory)
            if there is None and not self._modem.mode.confirmed:
                # The content is unknown: it is deleted after the next listing.
                self._undeleted[found.place] = found
                return None
            now = found if there is None else self._found(there, found.memory)
            if now.sameness == found.sameness:
                return found
            if not self._delivery.deliver(now.message, self._reporter.status):
                self._watch.list_after(self._reporter.back_at)
                return None
            found = now
        self._watch.list_soon()  # it is overwritten as fast as it is read
        return None

    def _delete(self, found: _Found) -> None:
        """Delete a message that the gateway has stored, and nothing else."""
        last = self._last_look(found)
        if last is None:
            return
        found = last
        if self._modem.storage.delete(found.place.index, found.memory):
            self._deleted += 1
            self._undeleted.pop(found.place, None)
            self._delivery.is_gone(self._status_for(found.place), found.message)
        elif found.place not in self._undeleted or self._undeleted[found.place] is not found:
            log.warning(
                "port %d: the modem does not delete message %d; the gateway tries again at intervals",
                self._connection.port,
                found.place.index,
            )
            self._undeleted[found.place] = found
        iccid = self._reporter.status.active.iccid
        refused = any(place.iccid == iccid for place in self._undeleted)
        self._reporter.set_condition(Condition.DELETION_REFUSED, present=refused)
