"""The daily and monthly limits of a SIM: messages, parts, and different recipients."""

from __future__ import annotations

from dataclasses import dataclass, field

from gatewayd.store import Transaction
from gatewayd.store.tables import sim_recipients, sim_usage, sims
from gatewayd.store.tables.sims import LimitedSim
from gatewayd.timekeeping.clock import Moment, month_of


@dataclass(slots=True)
class RecipientRoom:
    """How many recipients a SIM may still add in one period."""

    db: Transaction
    sim_id: int
    period: str
    left: int
    added: set[str] = field(default_factory=set)  # by messages of this transaction that are not written yet

    def knows(self, recipient: str) -> bool:
        """Whether a message to this recipient adds none."""
        return recipient in self.added or sim_recipients.is_known(
            self.db, self.sim_id, self.period, recipient
        )

    def admits(self, recipient: str) -> bool:
        """Whether a message to this recipient is within the limit."""
        return self.left > 0 or self.knows(recipient)

    def take(self, recipient: str) -> None:
        """Count a message to this recipient."""
        if not self.knows(recipient):
            self.added.add(recipient)
            self.left -= 1


@dataclass(slots=True)
class Room:
    """The messages that a SIM may still take, within one transaction. Each message that it takes makes the room smaller."""

    day: str  # the SIM's own day, from which messages take
    messages: int | None = None  # None: no limit
    parts: int | None = None
    recipients: tuple[RecipientRoom, ...] = ()
    counts_recipients: bool = False  # the recipients of what it takes are kept

    @property
    def used_up(self) -> bool:
        """Whether the SIM may take no message at all."""
        return (self.messages is not None and self.messages <= 0) or (
            self.parts is not None and self.parts <= 0
        )

    @property
    def is_open(self) -> bool:
        """Whether the SIM may take a short message to any recipient."""
        return not self.used_up and all(each.left > 0 for each in self.recipients)

    def admits(self, recipient: str, parts: int) -> bool:
        """Whether the SIM may take this message."""
        return (
            not self.used_up
            and (self.parts is None or parts <= self.parts)
            and all(each.admits(recipient) for each in self.recipients)
        )

    def take(self, recipient: str, parts: int) -> None:
        """Count a message that the SIM takes."""
        if self.messages is not None:
            self.messages -= 1
        if self.parts is not None:
            self.parts -= parts
        for each in self.recipients:
            each.take(recipient)


def room(db: Transaction, sim: LimitedSim, at: Moment) -> Room:
    """The room of a SIM today and this month. Only limited values are read."""
    found = Room(at.day_from(sim.reset_hour))
    if sim.daily_limit is not None or sim.daily_parts is not None:
        used = sim_usage.on_day(db, sim.id, found.day)
        found.messages = _left(None, sim.daily_limit, used.messages)
        found.parts = _left(None, sim.daily_parts, used.parts)
    if sim.monthly_limit is not None or sim.monthly_parts is not None:
        used = sim_usage.in_month(db, sim.id, month_of(found.day))
        found.messages = _left(found.messages, sim.monthly_limit, used.messages)
        found.parts = _left(found.parts, sim.monthly_parts, used.parts)
    if sim.limits_recipients:
        found.counts_recipients = True
        limits = ((found.day, sim.daily_recipients), (month_of(found.day), sim.monthly_recipients))
        found.recipients = tuple(
            RecipientRoom(db, sim.id, period, limit - sim_recipients.count(db, sim.id, period))
            for period, limit in limits
            if limit is not None
        )
    return found


def _left(known: int | None, limit: int | None, used: int) -> int | None:
    """The less of what is `known` to be left, and what a limit leaves; None: no limit."""
    if limit is None:
        return known
    return limit - used if known is None else min(known, limit - used)


def room_without_limits(db: Transaction, sim_id: int, at: Moment) -> Room:
    """The room for a message of the gateway itself: it is sent whatever the limits of the SIM are, and counts against them."""
    row = sims.at_work(db, sim_id)
    hour, counts = (0, False) if row is None else (row.reset_hour, row.limits_recipients)
    return Room(at.day_from(hour), counts_recipients=counts)
