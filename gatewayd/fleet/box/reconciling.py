"""Makes the rows of this box in the queue and its journal agree: carries out the plan of each comparison (`comparison.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Final

from gatewayd.fleet.box.comparison import Plan, compare
from gatewayd.fleet.box.epoch import Epoch, JoinAnewError
from gatewayd.fleet.box.journal import Journal, Taken
from gatewayd.fleet.box.link import Link
from gatewayd.fleet.box.own_sims import OwnSims
from gatewayd.fleet.box.releasing import Releasing
from gatewayd.fleet.box.taking import Taking
from gatewayd.fleet.box.uploading import Uploading
from gatewayd.fleet.queue import releases, rows, starts, takings
from gatewayd.fleet.queue.names import STARTED, ListedRow
from gatewayd.timekeeping.clock import Calendar, Clock

_EVERY_S: Final = 60.0
# Where rows were not in the journal, because their acceptance may be under way; and where a part of an older epoch is on its way.
_LOOKED_AGAIN_S: Final = 2.0
_ROUNDS: Final = 5  # of a comparison, until it must agree


class Reconciling:
    """The comparisons of this box. The thread of the agent uses it."""

    def __init__(
        self,
        link: Link,
        journal: Journal,
        clock: Clock,
        calendar: Calendar,
        own_sims: OwnSims,
        taking: Taking,
        uploading: Uploading,
        releasing: Releasing,
    ) -> None:
        self._link = link
        self._journal = journal
        self._clock = clock
        self._calendar = calendar
        self._own_sims = own_sims
        self._taking = taking
        self._uploading = uploading
        self._releasing = releasing

    def reconcile(self, epoch: Epoch) -> None:
        """Compare rows and journal until they agree, and say when the next comparison is due.

        Raises StoreUnavailableError, EpochOldError, and JoinAnewError where rows stayed unknown to the journal.
        """
        for _ in range(_ROUNDS):
            plan = self._compare(epoch)
            unknown = set(plan.unknown)
            if plan.is_empty:
                break
            self._carry_out(epoch, plan)
            if unknown and unknown == epoch.unknown:
                raise JoinAnewError  # they were not adopted meanwhile
            if not (plan.stamp or plan.release or plan.lost or plan.tell_again):
                break
        epoch.unknown = unknown
        soon = unknown or plan.undecided
        epoch.reconcile_at = monotonic() + (_LOOKED_AGAIN_S if soon else _EVERY_S)

    def _compare(self, epoch: Epoch) -> Plan:
        self._uploading.upload(epoch)
        with self._link.transaction() as db:
            listed = rows.own(db, epoch.box.name)
        entries, untold = self._journal.entries([row.message_id for row in listed])
        may_send = self._own_sims.may_send
        return compare(epoch.box, listed, entries, untold, may_send, recovering=epoch.recovering)

    def _carry_out(self, epoch: Epoch, plan: Plan) -> None:
        if plan.drop:
            self._journal.drop(plan.drop)
        if plan.tell_again:
            self._journal.tell_again(plan.tell_again, self._clock.now())
        if plan.stamp:
            self._stamp(epoch, plan.stamp)
        if plan.lost:
            with self._link.transaction() as db:
                at = self._clock.moment(self._calendar)
                releases.lose(db, epoch.box, plan.lost, at, self._calendar)
        if plan.release:
            self._releasing.release_rows(epoch, plan.release)

    def _stamp(self, epoch: Epoch, listed: Sequence[ListedRow]) -> None:
        """Give rows of older epochs the present one, and take those into the journal that it has no row of."""
        without = self._journal.without_row([row.message_id for row in listed])
        with self._link.transaction() as db:
            stamped = starts.stamp(db, epoch.box, listed)
            taken = Taken(
                sims={message_id: each.sim_id for message_id, each in stamped.items()},
                rows=takings.message_rows(
                    db, [message_id for message_id in stamped if message_id in without]
                ),
                started={
                    message_id: each.parts for message_id, each in stamped.items() if each.state == STARTED
                },
            )
        epoch.by_comparison.update(taken.started)
        self._taking.take(epoch.box, taken)
