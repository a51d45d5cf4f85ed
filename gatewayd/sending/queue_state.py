"""The queue as a person sees it: its length and its age, by SIM, company and priority."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gatewayd.sending.queue_age import QueueAge, queue_age
from gatewayd.store import Transaction
from gatewayd.store.store import Store
from gatewayd.store.tables import queue_counts, queue_metrics
from gatewayd.timekeeping.clock import Calendar, Moment


@dataclass(frozen=True, slots=True)
class QueueState:
    """The queue at one moment. Parts are counted; companies come with their priorities."""

    age: QueueAge
    by_company: Mapping[tuple[int, int], int]
    oldest: Mapping[
        tuple[int, int], int
    ]  # since when the first message waits, in microseconds since the epoch
    waiting: Mapping[int, int]  # by SIM id; a SIM without any may be missing


def of_store(store: Store, at: Moment, calendar: Calendar, timeout_s: float) -> QueueState:
    """The queue of this box. Raises StoreUnavailableError."""

    def count(db: Transaction) -> tuple[QueueAge, dict[tuple[int, int], int], dict[int, int]]:
        return queue_age(db, at, calendar), queue_counts.by_company(db), queue_counts.waiting(db)

    # The counts are in the memory of the writing connection; the rest is read beside it.
    age, by_company, waiting = store.write(count, timeout_s)
    with store.lists.lend() as db:
        oldest = queue_metrics.oldest_by_company(db, [sim for sim, count in waiting.items() if count])
    return QueueState(age, by_company, oldest, waiting)
