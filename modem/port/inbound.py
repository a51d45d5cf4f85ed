"""What comes in through a modem: handed to the house, and deleted from the modem only then."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final

from modem.at.responses import Urc, is_text_form, tag
from modem.driver import text_mode
from modem.driver.message_storage import Stored
from modem.driver.modem import Modem
from modem.driver.notifications import is_about_texts
from modem.port.conditions import Condition
from modem.port.interface import Reported, Unreadable, WorkUnavailableError
from modem.port.mailbox import Mailbox
from modem.port.status import PortStatus
from modem.sms import tpdu

log = logging.getLogger(__name__)

Message = tpdu.Deliver | tpdu.StatusReport | Unreadable

_CROWDED: Final = 0.8  # of the memory: above it an operator should look, because a full one takes nothing
# Of the time between two listings, what must pass before a modem may ask for another.
_BETWEEN: Final = 1 / 30
_AT_ONCE: Final = 5  # listings in a row, each because more came during the last one
_REREADS: Final = 3  # of a place that is overwritten again and again
# When a memory that was full is looked at again after it was emptied, as parts of the time between two listings: the
# network has more, and sends it as soon as it hears that there is room (23.040, 10.3.3).
_AFTER_FULL: Final = (1 / 300, 1 / 150, 1 / 75, 1 / 30, 1 / 15)

# Said in a line of its own when a memory is full, by each vendor in its own way (^SMMEMFULL, +SMSFULL, %MGSL: FULL);
# and when the modem can read its memory, some time after its start.
_LISTS: Final = ("FULL", "SMS DONE", "SMS READY")


@dataclass(frozen=True, slots=True)
class _Direct:
    """A PDU that came straight, and what the port was when it came: another SIM may be active by now.

    `head`: the line before it, where the modem said both in text mode; `pdu` is the text itself then.
    """

    pdu: str
    status: PortStatus
    head: str = ""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a message lies: a SIM, a memory (None: the only one) and an index in it."""

    iccid: str
    memory: str | None
    index: int


@dataclass(frozen=True, slots=True)
class _Found:
    """A message that was read from a place of a memory (None: the usual one)."""

    place: _Place
    memory: str | None
    message: Message

    @property
    def sameness(self) -> object:
        """Equal for messages that the network may have sent twice, and for those that lie in one place still."""
        if isinstance(self.message, tpdu.Deliver):
            return self.message.octets or replace(self.message, copy=0)  # none: it was not read from a PDU
        return self.message


class Inbound:
    """Texts and reports of one connection. `list_s`: how often the memory is read though nothing was announced."""

    def __init__(self, mailbox: Mailbox, modem: Modem, list_s: float) -> None:
        self._mailbox = mailbox
        self._modem = modem
        self._list_s = list_s
        self._list_at = 0.0
        self._listed_at = float("-inf")
        self._looks_after_full: deque[float] = deque()  # monotonic seconds
        self._left: int | None = (
            None  # messages that the last listing left in the usual memory; None: not known
        )
        self._at_once = 0
        self._crowded = False
        self._straight: deque[_Direct] = deque()
        self._announced: deque[_Place] = deque()
        self._deleted = 0
        self._undeleted: dict[_Place, _Found] = {}  # handed over, and still in the modem
        self._untold: deque[tuple[PortStatus, tpdu.Deliver]] = (
            deque()
        )  # deletions that the house must hear of

    def take(self, urc: Urc, status: PortStatus | None = None) -> bool:
        """Take note of a URC that is about a text or report. Whether it was. `status`: what the port was when it came."""
        status = status or self._mailbox.status
        if urc.tag in ("+CMT", "+CDS"):
            self._take_straight(urc, status)
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
            if urc.tag in ("+CMT", "+CDS"):
                self._take_straight(urc, self._mailbox.status)
        urcs.clear()
        while self._straight:
            if not self._deliver_straight(self._straight[0]):
                log.error(
                    "port %d: %d texts or reports were lost with the connection",
                    self._mailbox.status.port,
                    len(self._straight),
                )
                return
            self._straight.popleft()

    def _take_straight(self, urc: Urc, status: PortStatus) -> None:
        in_text_mode = is_text_form(urc.line)
        if urc.pdu is not None or in_text_mode:
            head = urc.line if in_text_mode else ""
            self._straight.append(_Direct(urc.pdu or "", status, head))

    def list_now(self) -> None:
        """Read the whole memory at the next occasion."""
        self._list_at = 0.0

    def look(self) -> None:
        """See how full the memory is, and list it soon where something lies there that no listing left."""
        filling = self._modem.storage.filling()
        if filling is None:
            # The modem cannot be asked: a listing is as cheap where the last one left nothing.
            if not self._left:
                self._list_at = min(self._list_at, monotonic())
            return
        used, places = filling
        if used and used != self._left:
            self._list_at = min(self._list_at, monotonic())
        elif used <= places * _CROWDED:
            self._tell_room(used, places)

    @property
    def due_at(self) -> float:
        """When there is something to do though nobody says so, in monotonic seconds."""
        waiting = self._straight or self._announced
        next_look = self._looks_after_full[0] if self._looks_after_full else self._list_at
        return max(self._mailbox.back_at, 0.0 if waiting else min(self._list_at, next_look))

    def hand_over(self) -> None:
        """Give the house what came straight."""
        while self._straight and monotonic() >= self._mailbox.back_at:
            if not self._deliver_straight(self._straight[0]):
                return
            self._straight.popleft()
            self._modem.acknowledge()

    def leave_reports(self) -> None:
        """Leave to the desk the reports that came straight while a part was in the air: the house keeps them in the same
        transaction as the part's outcome. Not for a modem that wants each acknowledged.
        """
        others: deque[_Direct] = deque()
        for direct in self._straight:
            report = _report(direct)
            status = self._known(direct.status)
            if report is not None and status.active.iccid:
                self._mailbox.reports.append(Reported(status, report))
            else:
                others.append(direct)
        self._straight = others

    def hand_over_meanwhile(self) -> None:
        """The same while the modem is busy with a part, unless it wants each acknowledged."""
        if not self._modem.acknowledges:
            self.hand_over()

    def fetch(self) -> None:
        """Read what waits in the modem, and delete it there once the house has it."""
        if monotonic() < self._mailbox.back_at or not self._tell_deletions():
            return
        if self._announced and not self._fetch_announced():
            return
        while self._looks_after_full and monotonic() >= self._looks_after_full[0]:
            self._looks_after_full.popleft()
            self.look()
        if monotonic() >= self._list_at:
            self._list()

    def _fetch_announced(self) -> bool:
        """Read all that was announced before any of it is deleted. False: the house can keep nothing now.

        So two texts alike that lie in the memory at once are told from one that the network repeats.
        """
        iccid = self._mailbox.status.active.iccid
        found: list[_Found] = []
        for place in dict.fromkeys(self._announced):
            if place.iccid != iccid:
                continue  # it went with its SIM, and is listed when that is active again
            stored = self._modem.storage.read(place.index, place.memory)
            if stored is None:
                self._list_soon()  # it was read with a listing; or could not be read now
            else:
                found.append(self._found(stored, place.memory))
        if not self._keep(found):
            return False
        self._announced.clear()
        return True

    def _asks_for_listing(self, urc: Urc) -> bool:
        """Whether a modem says that its memory is full or can be read. Reading and deleting makes room."""
        if urc.tag == "+CIEV":
            indicator, *rest = urc.fields
            speaks = is_about_texts(indicator) or indicator in self._modem.notifications.about_texts()
            return speaks and rest[:1] != ["0"]
        line = urc.line.upper()
        return any(sign in line for sign in _LISTS)

    def _list_soon(self) -> None:
        """Read the whole memory, but not again and again where that helps nothing."""
        self._list_at = min(self._list_at, self._listed_at + self._list_s * _BETWEEN)

    def _list(self) -> None:
        self._listed_at = monotonic()
        self._list_at = self._listed_at + self._list_s
        deleted = self._deleted
        left: int | None = None
        usual = self._modem.storage.usual
        unread: list[str | None] = []
        cut = False
        for memory in dict.fromkeys((*self._modem.read_from, *self._modem.storage.others)):
            messages = self._modem.storage.stored(memory)
            if messages is None:
                unread.append(memory)
            elif self._modem.storage.cut:
                unread.append(memory)
                cut = True
            else:
                self._forget_gone(memory, messages)
            seen, before = self._modem.storage.seen, self._deleted
            if not self._keep(self._found(stored, memory) for stored in messages or ()):
                self._list_at = self._mailbox.back_at
                return
            if memory is None and memory not in unread:
                left = seen - (self._deleted - before)
        unread += [place.memory for place in self._undeleted]
        self._modem.storage.others = tuple(name for name in self._modem.storage.others if name in unread)
        self._left = left
        self._watch_room(made_room=self._deleted - deleted)
        if self._modem.storage.usual != usual or (cut and self._deleted > deleted):
            self._list_soon()

    def _forget_gone(self, memory: str | None, messages: list[Stored]) -> None:
        """Forget what could not be deleted, and lies there no longer."""
        name, indices = memory or self._modem.storage.usual, {stored.index for stored in messages}
        gone = [place for place in self._undeleted if place.memory == name and place.index not in indices]
        for place in gone:
            del self._undeleted[place]
        if gone:
            self._mailbox.set_condition(Condition.DELETION_REFUSED, present=bool(self._undeleted))

    def _watch_room(self, *, made_room: int) -> None:
        """Warn of a memory that fills up with what stays in it. `made_room`: messages that were just deleted."""
        filling = self._modem.storage.filling()
        if filling is None:
            return
        used, places = filling
        came = made_room and self._left is not None and used > self._left
        if self._left is not None and self._left + made_room >= places:
            now = monotonic()
            self._looks_after_full = deque(now + self._list_s * share for share in _AFTER_FULL if made_room)
        if came and self._at_once < _AT_ONCE:
            self._at_once += 1
            self._list_at = monotonic()
            return
        self._at_once = 0
        if self._left is not None:
            self._left = used
        if came:
            self._list_soon()
            return
        self._tell_room(used, places)

    def _tell_room(self, used: int, places: int) -> None:
        crowded = used > places * _CROWDED
        if crowded and not self._crowded:
            log.warning(
                "port %d: %d of %d places for texts stay taken by what cannot be deleted, or was never received here:"
                " once all are, nothing comes in; empty the memory in a telephone",
                self._mailbox.status.port,
                used,
                places,
            )
        self._crowded = crowded
        full = 0 < places <= used
        self._mailbox.set_condition(Condition.MEMORY_FULL, present=full)
        self._mailbox.set_condition(Condition.MEMORY_NEARLY_FULL, present=crowded and not full)

    def _found(self, stored: Stored, memory: str | None) -> _Found:
        place = _Place(self._mailbox.status.active.iccid, memory or self._modem.storage.usual, stored.index)
        return _Found(place, memory, self._read(stored, memory))

    def _read(self, stored: Stored, memory: str | None) -> Message:
        """What the PDU says; read once more where it makes no sense, for it may have been garbled on the line."""
        message = _parsed(stored.pdu)
        if isinstance(message, Unreadable):
            again = self._modem.storage.read(stored.index, memory)
            if again is not None and again.pdu:
                return _parsed(again.pdu)
        return message

    def _keep(self, found: Iterable[_Found]) -> bool:
        """Hand messages to the house and delete them. False: the house can keep nothing now.

        Of texts alike, all are handed over before the first is deleted: after a crash in between the same ones lie there.
        """
        alike: dict[object, list[_Found]] = {}
        for each in found:
            alike.setdefault(each.sameness, []).append(each)
        for group in alike.values():
            kept: list[_Found] = []
            for each in group:
                known = self._undeleted.get(each.place)
                if known is not None and known.sameness == each.sameness:
                    kept.append(known)
                    continue
                numbered = self._numbered(each, kept)
                if not self._deliver(numbered.message, self._mailbox.status):
                    return False
                kept.append(numbered)
            for each in kept:
                self._delete(each)
        return True

    def _numbered(self, found: _Found, before: list[_Found]) -> _Found:
        """Say of a text how many alike lie in the memory beside it: `before` it, or since their deletion was refused."""
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
        """What lies in the place right before it is emptied. Another message that was written there meanwhile is handed over
        first. None: nothing may be deleted there now.
        """
        for _ in range(_REREADS):
            there = self._modem.storage.read(found.place.index, found.memory)
            if there is None and not self._modem.mode.confirmed:
                self._undeleted[found.place] = (
                    found  # nobody knows what lies there: deleted after the next listing
                )
                return None
            now = found if there is None else self._found(there, found.memory)
            if now.sameness == found.sameness:
                return found
            if not self._deliver(now.message, self._mailbox.status):
                self._list_at = self._mailbox.back_at
                return None
            found = now
        self._list_soon()  # it is overwritten as fast as it is read
        return None

    def _delete(self, found: _Found) -> None:
        """Delete what the house has, and nothing else."""
        last = self._last_look(found)
        if last is None:
            return
        found = last
        if self._modem.storage.delete(found.place.index, found.memory):
            self._deleted += 1
            self._undeleted.pop(found.place, None)
            self._is_gone(self._mailbox.status, found.message)
        elif found.place not in self._undeleted or self._undeleted[found.place] is not found:
            log.warning(
                "port %d: the modem does not delete message %d; it is tried again now and then",
                self._mailbox.status.port,
                found.place.index,
            )
            self._undeleted[found.place] = found
        iccid = self._mailbox.status.active.iccid
        refused = any(place.iccid == iccid for place in self._undeleted)
        self._mailbox.set_condition(Condition.DELETION_REFUSED, present=refused)

    def _is_gone(self, status: PortStatus, message: Message) -> None:
        """A message is in the modem no more. The house must know of a text without a date: the same again is another."""
        if isinstance(message, tpdu.Deliver) and message.signal is None and not message.has_date:
            self._untold.append((status, message))
            self._tell_deletions()

    def _tell_deletions(self) -> bool:
        """Tell the house of deletions. False: it can keep nothing now."""
        while self._untold:
            try:
                self._mailbox.work.deleted(*self._untold[0])
            except WorkUnavailableError as error:
                self._mailbox.unavailable(error)
                return False
            self._untold.popleft()
        return True

    def _known(self, status: PortStatus) -> PortStatus:
        """What the port was when something came; what it is now where that came before the SIM was known."""
        return status if status.active.iccid else self._mailbox.status

    def _deliver_straight(self, direct: _Direct) -> bool:
        """Hand over what came without being stored. False: the house can keep nothing now."""
        message, status = _parsed(direct.pdu, direct.head), self._known(direct.status)
        if not self._deliver(message, status):
            return False
        self._is_gone(status, message)
        return True

    def _deliver(self, message: Message, status: PortStatus) -> bool:
        """Hand one message to the house. False: it can keep nothing now."""
        work = self._mailbox.work
        status = self._known(status)
        if not status.active.iccid:
            return False
        try:
            if isinstance(message, tpdu.StatusReport):
                work.reported(status, message)
            else:
                work.received(status, message)
        except WorkUnavailableError as error:
            self._mailbox.unavailable(error)
            return False
        if isinstance(message, Unreadable):
            self._mailbox.set_condition(Condition.UNREADABLE_TEXTS, present=True)
        return True


def _parsed(pdu: str, head: str = "") -> Message:
    """What came, in the mode that it came in. `head`: the line before it, where both came in text mode."""
    try:
        return _read_text_form(pdu, head) if head else tpdu.parse(pdu)
    except tpdu.TpduError as error:
        return Unreadable("\n".join(filter(None, (head, pdu))), str(error))


def _read_text_form(text: str, head: str) -> tpdu.Deliver | tpdu.StatusReport:
    """A text or report that came in text mode. Raises TpduError."""
    report = text_mode.read_report(head) if tag(head) == "+CDS" else None
    found = report or (None if tag(head) == "+CDS" else text_mode.read_text(head, text))
    if found is None:
        raise tpdu.TpduError("it came in text mode, and is not of the form that 27.005 gives")
    return found


def _report(direct: _Direct) -> tpdu.StatusReport | None:
    """The status report that came; None where it is something else, or cannot be read."""
    message = _parsed(direct.pdu, direct.head)
    return message if isinstance(message, tpdu.StatusReport) else None
