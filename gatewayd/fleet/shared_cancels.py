"""Cancels of messages of a fleet: those in its queue by the rules of the queue, those of the sandbox as everywhere."""

from __future__ import annotations

from collections.abc import Iterable

from gatewayd.fleet.queue import cancels
from gatewayd.messages import cancellation
from gatewayd.store import Transaction
from gatewayd.store.tables import messages
from gatewayd.timekeeping.clock import Moment


def cancel_all(db: Transaction, message_ids: Iterable[int], at: Moment) -> list[str]:
    """Cancel those of these messages that can be cancelled, within a transaction; their sms_ids."""
    wanted = list(message_ids)
    sandbox = messages.of_sandbox(db, wanted)
    cancelled = cancels.cancel(db, [one for one in wanted if one not in sandbox], at)
    return [*cancelled, *cancellation.cancel_all(db, sandbox, at)]
