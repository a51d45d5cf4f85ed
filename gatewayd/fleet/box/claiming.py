"""Claims messages of the queue for the SIMs of this box, and starts a little of them ahead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from threading import Event

from gatewayd.fleet.box import capacity
from gatewayd.fleet.box.epoch import Epoch
from gatewayd.fleet.box.journal import Journal, Taken
from gatewayd.fleet.box.link import Link
from gatewayd.fleet.box.own_sims import OwnSims
from gatewayd.fleet.box.permit import FleetPermit
from gatewayd.fleet.box.taking import Taking
from gatewayd.fleet.queue import claims, starts
from gatewayd.fleet.queue.lanes import Lanes
from gatewayd.fleet.queue.names import ClaimedMessage, Started
from gatewayd.timekeeping.clock import Calendar, Clock


class Claiming:
    """The claims and starts of this box. The thread of the agent uses it."""

    def __init__(
        self,
        prefetch_s: float,
        link: Link,
        journal: Journal,
        clock: Clock,
        calendar: Calendar,
        own_sims: OwnSims,
        permit: FleetPermit,
        taking: Taking,
        lanes: Lanes,
        may_wait: Event,
        *,
        claimed: Callable[[Mapping[int, int]], None],
    ) -> None:
        """`may_wait`: nothing is claimed where it is not set. `claimed`: called with the number of claimed messages by SIM id."""
        self._prefetch_s = prefetch_s
        self._link = link
        self._journal = journal
        self._clock = clock
        self._calendar = calendar
        self._own_sims = own_sims
        self._permit = permit
        self._taking = taking
        self._lanes = lanes
        self._may_wait = may_wait
        self._claimed = claimed

    def fill(self, epoch: Epoch) -> None:
        """Claim what the SIMs of this box can send, and start a little of it ahead, in one transaction.

        Raises StoreUnavailableError and EpochOldError.
        """
        if not self._permit.is_open() or epoch.recovering:
            return
        box, able, work = epoch.box, self._own_sims.able(), self._journal.work(epoch.box.epoch)
        wants = capacity.wants(able, work.loads, self._own_sims.part_s(), self._prefetch_s)
        claims_now = bool(wants) and self._may_wait.is_set()
        startable = [row[:2] for row in work.startable]
        if not claims_now and not capacity.to_start(able, work.loads, startable):
            return
        if claims_now:
            self._may_wait.clear()  # set again by a notice that comes meanwhile
        at, claimed = self._clock.moment(self._calendar), list[ClaimedMessage]()
        with self._link.transaction() as db:
            if claims_now:
                closed = self._own_sims.closed(at)
                claimed = claims.claim(
                    db, box, wants, lanes=self._lanes, closed=closed, at=at, calendar=self._calendar
                )
                startable += [(each.message_id, each.sim_id) for each in claimed]
            ahead = capacity.to_start(able, work.loads, startable)
            started: Mapping[int, Started] = starts.start(db, box, ahead) if ahead else {}
        if claimed:
            self._may_wait.set()  # more may wait
            self._claimed(Counter(each.sim_id for each in claimed))
        taken = _taken(claimed, ahead, started)
        if taken.sims or taken.lost:
            self._taking.take(box, taken)


def _taken(
    claimed: Sequence[ClaimedMessage], ahead: Collection[int], started: Mapping[int, Started]
) -> Taken:
    """The messages of a transaction as the journal takes them. `ahead`: asked to be started; those that were not are lost."""
    lost = [message_id for message_id in ahead if message_id not in started]
    kept = [each for each in claimed if each.message_id not in lost]
    sims = {each.message_id: each.sim_id for each in kept}
    sims |= {message_id: each.sim_id for message_id, each in started.items()}
    rows = {each.message_id: each.row for each in kept}
    parts = {message_id: each.parts for message_id, each in started.items()}
    return Taken(sims, rows, parts, lost)
