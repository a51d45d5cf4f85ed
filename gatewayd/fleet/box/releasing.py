"""Drops messages from the journal that this box does not send, and releases them in the queue for other SIMs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Event

from gatewayd.fleet.box.epoch import Epoch
from gatewayd.fleet.box.journal import Journal
from gatewayd.fleet.box.link import Link
from gatewayd.fleet.box.own_sims import OwnSims
from gatewayd.fleet.box.source import SharedSource
from gatewayd.fleet.box.uploading import Uploading
from gatewayd.fleet.queue import releases
from gatewayd.fleet.queue.names import CLAIMED, STARTED, ListedRow
from gatewayd.store.tables.shared_messages import Entry
from gatewayd.timekeeping.clock import Calendar, Clock


class Releasing:
    """The releases of this box. The thread of the agent uses it. All methods raise StoreUnavailableError and EpochOldError."""

    def __init__(
        self,
        link: Link,
        journal: Journal,
        clock: Clock,
        calendar: Calendar,
        own_sims: OwnSims,
        source: SharedSource,
        uploading: Uploading,
        may_wait: Event,
        sims_changed: Event,
    ) -> None:
        """`may_wait`: set after a release. `sims_changed`: others set it where a SIM of this box can, or cannot, send."""
        self._link = link
        self._journal = journal
        self._clock = clock
        self._calendar = calendar
        self._own_sims = own_sims
        self._source = source
        self._uploading = uploading
        self._may_wait = may_wait
        self._sims_changed = sims_changed

    def release(self, epoch: Epoch) -> None:
        """Release what was given back, and what no SIM of this box can send now."""
        epoch.to_release += [row for row in self._source.take_given_back() if row.epoch == epoch.box.epoch]
        if epoch.looked or self._sims_changed.is_set():
            epoch.looked = False
            self._sims_changed.clear()
            self._drop_stuck(epoch)
        self._release_dropped(epoch)

    def release_rows(self, epoch: Epoch, rows: Sequence[ListedRow]) -> None:
        """Drop and release rows, but for those of which a part is being submitted."""
        dropped = self._journal.drop([row.message_id for row in rows])
        epoch.to_release += [row for row in rows if row.message_id in dropped]
        self._release_dropped(epoch)

    def release_untouched(self, epoch: Epoch) -> None:
        """Release all messages of which nothing was handed over: other boxes can send them."""
        entries, _ = self._journal.entries([])
        self._drop_untouched(epoch, entries.values())
        self._release_dropped(epoch)

    def _drop_stuck(self, epoch: Epoch) -> None:
        """Drop what was not begun and no SIM of this box can send, or what has expired here."""
        found, untold = self._journal.entries([])
        stuck = {
            sim_id
            for sim_id in {entry.sim_id for entry in found.values() if entry.sim_id is not None}
            if not self._own_sims.may_send(sim_id)
        }
        self._drop_untouched(
            epoch,
            [
                entry
                for message_id, entry in found.items()
                if (entry.sim_id in stuck or entry.status != "pending") and message_id not in untold
            ],
        )

    def _drop_untouched(self, epoch: Epoch, entries: Iterable[Entry]) -> None:
        """Drop those of these messages of which nothing was handed over; they are released next."""
        wanted = [
            each
            for each in entries
            if each.state in (CLAIMED, STARTED) and each.epoch == epoch.box.epoch and each.untouched
        ]
        if not wanted:
            return
        dropped = self._journal.drop([each.message_id for each in wanted], begun=False)
        epoch.to_release += [
            ListedRow(each.message_id, each.state, each.epoch)
            for each in wanted
            if each.message_id in dropped
        ]

    def _release_dropped(self, epoch: Epoch) -> None:
        """Release what was dropped, after the causes for which it was refused are told: another SIM may take it at once."""
        if not epoch.to_release:
            return
        self._uploading.upload(epoch)
        with self._link.transaction() as db:
            at = self._clock.moment(self._calendar)
            releases.release(db, epoch.box, epoch.to_release, at, self._calendar)
        epoch.to_release.clear()
        self._may_wait.set()
