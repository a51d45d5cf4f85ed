"""Looks at the fleet: the beat of this box, which renews its lease, and the state of the other boxes."""

from __future__ import annotations

import logging
from threading import Event
from time import monotonic
from typing import Final

from gatewayd.fleet.box.epoch import Epoch
from gatewayd.fleet.box.journal import Journal
from gatewayd.fleet.box.known_fleet import KnownFleet
from gatewayd.fleet.box.lease import Lease
from gatewayd.fleet.box.link import Link
from gatewayd.fleet.box.silence import Due, SilenceWatch
from gatewayd.fleet.box.source import SharedSource
from gatewayd.fleet.box.status import LastStatus
from gatewayd.fleet.queue import boxes, takings
from gatewayd.fleet.queue.names import EpochOldError, FleetSeen, Look, Seen

log = logging.getLogger(__name__)

_UNTIL_TRUSTED_S: Final = 0.2  # between two looks


class Looking:
    """The looks of this box. The thread of the agent uses it."""

    def __init__(
        self,
        link: Link,
        journal: Journal,
        lease: Lease,
        source: SharedSource,
        silence: SilenceWatch,
        known: KnownFleet,
        status: LastStatus,
        may_wait: Event,
    ) -> None:
        """`may_wait`: set where a message waits in the queue that this box has not seen waiting."""
        self._link = link
        self._journal = journal
        self._lease = lease
        self._source = source
        self._silence = silence
        self._known = known
        self._status = status
        self._may_wait = may_wait

    def look(self, epoch: Epoch) -> Due:
        """Look at everything, with a beat where one is due; the steps of rescues that are due.

        Raises StoreUnavailableError, and EpochOldError where this box has lost its epoch.
        """
        box, asked_at, asked = epoch.box, monotonic(), self._lease.now()
        beat = epoch.beat_at <= asked_at
        journal = self._journal.journal()
        with self._link.transaction() as db:
            found = boxes.look(db, box, beat=beat, journal=journal)
            elsewhere = None if found is None else takings.sims_elsewhere(db, box)
        if found is None or elsewhere is None:
            raise EpochOldError
        fleet = found.fleet
        if beat:
            self._lease.renew(box.epoch, asked, fleet.lease_s)
            epoch.beat_at = asked_at + fleet.beat_s
            self._known.journal = found.journal
        self._judge(epoch, found)
        epoch.look_at = asked_at + (fleet.look_s if epoch.trusted else min(fleet.look_s, _UNTIL_TRUSTED_S))
        epoch.looked = True
        epoch.tells_again = fleet.recovering and not all(
            row.caught_up for row in found.boxes if row.name == box.name
        )
        if epoch.recovering and not fleet.recovering:
            epoch.reconcile_at = 0.0  # rows were left alone meanwhile
        epoch.fleet = fleet
        epoch.others = tuple(row for row in found.boxes if row.name != box.name)
        self._known.last_message_id = max(self._known.last_message_id, found.last_message_id)
        self._known.looked_at, self._known.lease_s = asked_at, fleet.lease_s
        if found.waits:
            self._may_wait.set()
        self._source.note_elsewhere(elsewhere)
        due = self._silence.saw(found.boxes, fleet, asked_at, monotonic())
        self._status.looked(fleet, epoch.others, dict(self._silence.silent_s()))
        if epoch.trusted:
            self._saw(epoch, found, asked_at)
        return due

    def _saw(self, epoch: Epoch, found: Look, at: float) -> None:
        """Remember what PostgreSQL showed; the epochs also in the file, where one has changed: a restart forgets the rest."""
        rows = {row.name: row for row in found.boxes}
        own = rows[epoch.box.name]
        self._status.saw(Seen(own.name, own.epoch, own.beat), at)
        epochs = {row.name: row.given for row in epoch.others if row.state == "member"}
        self._known.seen = FleetSeen(found.server, epochs, rows)
        if (found.server, epochs) != epoch.kept:
            self._journal.keep_epochs(found.server, epochs)
            epoch.kept = (found.server, epochs)

    def _judge(self, epoch: Epoch, found: Look) -> None:
        """Trust PostgreSQL once each other box that lives has joined it, for each of them would have found it restored."""
        if epoch.trusted:
            return
        missing = [
            row.name
            for row in found.boxes
            if row.name != epoch.box.name and row.state == "member" and row.alive and not row.is_here
        ]
        epoch.trusted = found.fleet.recovering or not missing
        if not epoch.trusted and epoch.fleet is None:
            log.info(
                "fleet: PostgreSQL was started anew, and may be a restored one: this box waits until %s joined, or is dead",
                ", ".join(missing),
            )
