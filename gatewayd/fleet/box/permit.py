"""Whether this box may hand parts of shared messages to modems."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gatewayd.fleet.box.lease import Lease
from gatewayd.store import Transaction
from gatewayd.store.tables import shared_messages
from modem.parts import always


class FleetPermit:
    """The permit of a box of a fleet (see `SubmissionPermit`)."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._epoch: int | None = None  # of which the rows were compared with the journal

    def open(self, epoch: int) -> None:
        """The messages that are started in the journal are started by this box in the fleet, under this epoch."""
        self._epoch = epoch

    def close(self) -> None:
        """Nothing is claimed, and nothing more handed over, until `open`."""
        self._epoch = None

    def is_open(self) -> bool:
        """See `SubmissionPermit.is_open`."""
        epoch = self._epoch
        return epoch is not None and self._lease.holds(epoch)

    def for_message(self, db: Transaction, message_id: int) -> Callable[[], bool] | None:
        """See `SubmissionPermit.for_message`. A message of the box itself needs none."""
        found = shared_messages.find(db, message_id)
        if found is None:
            return always
        state, epoch = found
        if state != "started" or epoch != self._epoch:
            return None
        return partial(self._may_hand_over, epoch)

    def _may_hand_over(self, epoch: int) -> bool:
        return self._epoch == epoch and self._lease.holds(epoch)
