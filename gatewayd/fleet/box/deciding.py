"""Decides messages in doubt of this box, and of dead ones, where the fleet does not leave that to people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event
from time import monotonic

from gatewayd.fleet.box.doubt_watch import DoubtWatch
from gatewayd.fleet.box.epoch import Epoch
from gatewayd.fleet.box.link import Link
from gatewayd.fleet.queue import doubts
from gatewayd.timekeeping.clock import Calendar, Clock


class Deciding:
    """The decisions of this box on doubts. The thread of the agent uses it."""

    def __init__(
        self,
        max_attempts: int,
        link: Link,
        clock: Clock,
        calendar: Calendar,
        may_wait: Event,
        *,
        settled: Callable[[Sequence[str]], None],
    ) -> None:
        """`may_wait`: set where a message waits in the queue again. `settled`: called with sms_ids whose status changed."""
        self._max_attempts = max_attempts
        self._link = link
        self._clock = clock
        self._calendar = calendar
        self._may_wait = may_wait
        self._settled = settled
        self._watch = DoubtWatch()

    def decide(self, epoch: Epoch) -> None:
        """Decide the doubts that have stayed the same for as long as the fleet waits. Raises StoreUnavailableError."""
        fleet = epoch.fleet
        if fleet is None or fleet.in_doubt == "hold":
            return
        names = [epoch.box.name, *(row.name for row in epoch.others if not row.alive)]
        with self._link.transaction() as db:
            found = doubts.open_doubts(db, names)
        due = self._watch.due(found, fleet.in_doubt_wait_s, monotonic())
        if not due:
            return
        with self._link.transaction() as db:
            decided = doubts.decide(
                db,
                due,
                fleet.in_doubt,
                max_attempts=self._max_attempts,
                at=self._clock.moment(self._calendar),
                calendar=self._calendar,
            )
        if decided.retried:
            self._may_wait.set()
        if decided.changed:
            self._settled(decided.changed)
