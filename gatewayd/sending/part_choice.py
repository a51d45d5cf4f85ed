"""Chooses the part that a SIM sends next, by the turns of companies and priorities. Runs within a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gatewayd.records import Priority
from gatewayd.sending.company_turns import SendClass, Turns
from gatewayd.sims.limits import Room
from gatewayd.store import Transaction
from gatewayd.store.tables import messages, send_queue
from gatewayd.store.tables.queue_counts import Lane
from gatewayd.store.tables.send_queue import QueuedPart

_CLASSES = {Priority.OTP: SendClass.OTP, Priority.NORMAL: SendClass.NORMAL, Priority.BULK: SendClass.BULK}


@dataclass(frozen=True, slots=True)
class Source:
    """A lane from which a SIM may take its next part.

    `last_old`: the highest place of the old messages in its queue, 0 without any; `old`: only those, else only the others.
    `movable`: of another SIM's queue; `begun`: as in `send_queue.head`.
    """

    lane: Lane
    last_old: int = 0
    old: bool = False
    movable: bool = False
    begun: bool = False
    limits: Room | None = (
        None  # of the SIM that would send it; None: it has no limit that depends on the message
    )

    @property
    def send_class(self) -> SendClass:
        """The class that its parts belong to."""
        return SendClass.OLD if self.old else _CLASSES[Priority(self.lane.priority)]

    def head(self, db: Transaction) -> QueuedPart | None:
        """Its first part; None also where the limits do not allow it."""
        look = send_queue.old_head if self.old else send_queue.head
        part = look(db, self.lane, self.last_old, movable=self.movable, begun=self.begun)
        if part is None or self.limits is None or _admits(db, self.limits, part):
            return part
        return None


@dataclass(frozen=True, slots=True)
class Choice:
    """The part that a SIM sends next. `passed_over`: the classes that wait and were not chosen."""

    part: QueuedPart
    send_class: SendClass
    company_id: int
    passed_over: tuple[SendClass, ...]


def choose(
    db: Transaction, sim_id: int, sources: Sequence[Source], turns: Turns, *, old_due: bool
) -> Choice | None:
    """The next part for a SIM among these sources; None: there is none.

    A message of which parts are left is finished first in its class. `old_due`: the SIM may send an old message now.
    """
    by_class: dict[SendClass, list[Source]] = {}
    for source in sources:
        by_class.setdefault(source.send_class, []).append(source)
    unfinished = {each for each in turns.message if each is not SendClass.OLD or old_due}
    waiting = set(by_class) | unfinished
    for send_class in turns.order(waiting):
        if send_class in unfinished:
            rest = send_queue.rest_of(db, turns.message[send_class], sim_id)
            if rest is not None:
                return Choice(rest, send_class, turns.last[send_class], _others(waiting, send_class))
        found = _in_turn(db, by_class.get(send_class, []), send_class, turns)
        if found is not None:
            part, company = found
            return Choice(part, send_class, company, _others(waiting, send_class))
        waiting.remove(send_class)  # its lanes hold only parts that this SIM may not send
    return None


def _admits(db: Transaction, limits: Room, part: QueuedPart) -> bool:
    """Whether limits allow the message of a part. A missing message is allowed: claiming it removes its parts."""
    message = messages.find(db, part.message_id)
    return message is None or limits.admits(message.recipient, message.unsent)


def _others(waiting: Iterable[SendClass], send_class: SendClass) -> tuple[SendClass, ...]:
    return tuple(each for each in waiting if each is not send_class)


def _in_turn(
    db: Transaction, sources: Sequence[Source], send_class: SendClass, turns: Turns
) -> tuple[QueuedPart, int] | None:
    """The first part of the company whose turn it is, of the highest priority, and that company."""
    for priority in sorted({source.lane.priority for source in sources}):
        of_priority = [source for source in sources if source.lane.priority == priority]
        for company in turns.companies(send_class, {source.lane.company_id for source in of_priority}):
            heads = [source.head(db) for source in of_priority if source.lane.company_id == company]
            found = [part for part in heads if part is not None]
            if found:
                newest = send_class is SendClass.OLD and priority == Priority.OTP
                return min(found, key=lambda part: _place(part, newest_first=newest)), company
    return None


def _place(part: QueuedPart, *, newest_first: bool) -> tuple[int, int, int]:
    place, message_id = part.place, part.message_id
    return (-place, -message_id, part.seq) if newest_first else (place, message_id, part.seq)
