"""Rescues the messages of boxes that are silent: claimed ones wait again, started ones are put in doubt."""

from __future__ import annotations

import logging
from threading import Event

from gatewayd.fleet.box.epoch import Epoch
from gatewayd.fleet.box.link import Link
from gatewayd.fleet.box.silence import Due, SilenceWatch, Silent
from gatewayd.fleet.queue import boxes
from gatewayd.timekeeping.clock import Calendar, Clock

log = logging.getLogger(__name__)


class Rescuing:
    """The rescues by this box. The thread of the agent uses it. All methods raise StoreUnavailableError."""

    def __init__(
        self, link: Link, clock: Clock, calendar: Calendar, silence: SilenceWatch, may_wait: Event
    ) -> None:
        """`may_wait`: set where messages wait in the queue after a rescue."""
        self._link = link
        self._clock = clock
        self._calendar = calendar
        self._silence = silence
        self._may_wait = may_wait

    def rescue(self, due: Due) -> None:
        """Carry out the steps that are due."""
        for silent in due.rescues:
            self._declare_dead(silent)
        for silent in due.doubts:
            self._doubt(silent)

    def settle(self) -> int:
        """Let the claimed messages of old epochs wait again; their number."""
        total = 0
        while True:
            with self._link.transaction() as db:
                settled = boxes.settle_rescued(db, self._clock.moment(self._calendar), self._calendar)
            if not settled:
                return total
            total += settled
            self._may_wait.set()

    def doubt_forgotten(self, epoch: Epoch) -> None:
        """Put all in doubt that this box may have sent since the backup that was restored, and forgot. Raises EpochOldError too."""
        total = 0
        while True:
            with self._link.transaction() as db:
                boxes.require(db, epoch.box)
                at = self._clock.moment(self._calendar)
                doubted = boxes.doubt_forgotten(db, epoch.box.name, at, self._calendar)
            if not doubted:
                break
            total += doubted
        epoch.forgot = False
        log.warning(
            "fleet: PostgreSQL and the database of this box are both older than the last messages that it sent:"
            " %d messages are in doubt",
            total,
        )

    def _declare_dead(self, silent: Silent) -> None:
        with self._link.transaction() as db:
            dead = boxes.rescue(db, silent.name, silent.epoch, silent.beat)
        if dead:
            settled = self.settle()
            log.warning(
                "fleet: %s is silent: %d messages that it had claimed wait for other boxes",
                silent.name,
                settled,
            )

    def _doubt(self, silent: Silent) -> None:
        total = 0
        while True:
            with self._link.transaction() as db:
                at = self._clock.moment(self._calendar)
                doubted = boxes.doubt_rescued(db, silent.name, silent.epoch, silent.beat, at, self._calendar)
            if not doubted:
                break
            total += len(doubted)
        self._silence.doubted(silent)
        if total:
            log.warning("fleet: %d messages that %s had started are in doubt", total, silent.name)
