"""Collects the metrics of the gateway. They contain no phone number, no text and no key."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from gatewayd.accounts import sending_windows
from gatewayd.sims.port_registry import PortRegistry, Presence
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.engine.histogram import Durations, Histogram
from gatewayd.store.interfaces import Lender
from gatewayd.store.store import Store
from gatewayd.store.tables import event_counts, events, queue_counts, queue_metrics, scheduled, sims, webhooks
from gatewayd.store.tables.event_counts import EventCount
from gatewayd.store.tables.queue_metrics import SimQueue
from gatewayd.timekeeping.clock import SECOND, Calendar, Clock
from modem.parts import Submitted
from modem.port.interface import Outcome
from modem.port.status import PortStatus

# A part takes one to five seconds; the slowest modems document three minutes.
SUBMISSION_SECONDS = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0, 120.0, 180.0)

# A collector of metrics normally waits ten seconds. Where the store takes longer, the counts of the last time are used:
# without commits nothing is counted.
COUNTS_TIMEOUT_S = 3.0

SimPlace = tuple[int, int, int]
"""Port, slot and SIM."""


@dataclass(frozen=True, slots=True)
class Count:
    """The number of events of a kind, on a SIM at its place at that time.

    `cause`: the code of a refusal, or the kind of a message that is not a text.
    """

    event: str  # one of `event_counts.EVENTS`
    place: SimPlace
    cause: str
    count: int


@dataclass(frozen=True, slots=True)
class Queue:
    """The queue of one SIM at its present place, in parts. `oldest_s`: age of the oldest message, 0 where none waits."""

    place: SimPlace
    waiting: int
    deferred: int
    in_doubt: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class SimAccount:
    """The balance and the bundle of one SIM, and its troubles with its operator. None: not known."""

    place: SimPlace
    balance: float | None
    bundle_units: int | None
    bundle_end_s: float | None  # Unix time
    unreadable: bool  # the last answer about its balance could not be read
    suspected: bool  # its operator may block it


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """All metrics at one moment."""

    ports: list[PortStatus]
    sims: dict[int, Presence]
    counts: list[Count]
    queues: list[Queue]
    accounts: list[SimAccount]
    submission_s: dict[SimPlace, Histogram]
    commit_s: Histogram | None  # None: no commit yet
    store_bytes: int  # the database and its journal
    disk_free_bytes: int
    store_answers: bool  # the counts are of this moment
    events: int  # the events that are kept; 0 where they cannot be read
    webhooks: Mapping[str, int]  # state → webhooks; empty where they cannot be read


class SharedMetrics(Protocol):
    """The counts of a queue that several boxes share."""

    @property
    def readers(self) -> Lender:
        """For short reads of it."""

    def waiting(self) -> dict[int, int]:
        """Parts that are not sent yet, by SIM id."""

    def take_accepted(self) -> list[int]:
        """The SIM of each message that this box accepted since the last call; 0: none yet."""


class MetricsCollector:
    """Collects the metrics. Any thread may ask."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        port_registry: PortRegistry,
        calendar: Calendar,
        sharing: SharedMetrics | None = None,
    ) -> None:
        """`sharing`: where this box accepts messages into a queue that several boxes share."""
        self._sharing = sharing
        self._store = store
        self._clock = clock
        self._calendar = calendar
        self._port_registry = port_registry
        self._submissions: Durations[SimPlace] = Durations(SUBMISSION_SECONDS)
        self._last: tuple[list[EventCount], dict[int, int]] = ([], {})

    def settled(self, status: PortStatus, sim_id: int | None, outcome: Outcome) -> None:
        """Count the outcome of a submission, which is durable."""
        if isinstance(outcome.result, Submitted) and sim_id is not None:
            place = (status.port, status.active_slot, sim_id)
            self._submissions.observe(place, outcome.ended_at - outcome.started_at)

    def submission_s(self) -> dict[int, float]:
        """The mean duration of a submission of each SIM since the start, in seconds; only of SIMs that sent."""
        sums: dict[int, tuple[int, float]] = {}
        for (_, _, sim_id), histogram in self._submissions.histograms().items():
            count, total_s = sums.get(sim_id, (0, 0.0))
            sums[sim_id] = (count + histogram.buckets[-1][1], total_s + histogram.total_s)
        return {sim_id: total_s / count for sim_id, (count, total_s) in sums.items() if count}

    def measure(self) -> MetricsSnapshot:
        """The metrics of this moment."""
        answers, queues, accounts, kept = True, list[Queue](), list[SimAccount](), 0
        webhook_states: Mapping[str, int] = {}
        try:
            accepted = [] if self._sharing is None else self._sharing.take_accepted()
            self._last = self._store.write(partial(_counts, accepted), COUNTS_TIMEOUT_S)
            queues = self._queues(self._last[1] if self._sharing is None else self._sharing.waiting())
            accounts = self._accounts()
            readers = self._store.readers if self._sharing is None else self._sharing.readers
            with readers.lend() as db:
                kept = events.kept(db)
                webhook_states = webhooks.states(db)
        except StoreUnavailableError:
            answers = False
        rows, _ = self._last
        path = self._store.path
        files = (path, path.with_name(path.name + "-wal"))
        return MetricsSnapshot(
            ports=sorted(self._port_registry.ports().values(), key=lambda status: status.port),
            sims=self._port_registry.sims(),
            counts=[Count(row.event, (row.port, row.slot, row.sim_id), row.cause, row.count) for row in rows],
            queues=queues,
            accounts=accounts,
            submission_s=self._submissions.histograms(),
            commit_s=self._store.commit_times.histograms().get(""),
            store_bytes=sum(file.stat().st_size for file in files if file.exists()),
            disk_free_bytes=free_bytes(path.parent),
            store_answers=answers,
            events=kept,
            webhooks=webhook_states,
        )

    def oldest_s(self) -> float:
        """The age of the oldest message that waits for a SIM, 0 where none waits. Raises StoreUnavailableError."""
        at = self._clock.moment(self._calendar)
        with self._store.readers.lend() as db:
            due_at = scheduled.first_due(db, at.now) if at.trusted else None
        due_s = 0.0 if due_at is None else (at.now - due_at) / SECOND
        return max([due_s, *(queue.oldest_s for queue in self._queues({}))])

    def _queues(self, waiting: dict[int, int]) -> list[Queue]:
        at = self._clock.moment(self._calendar)
        with self._store.readers.lend() as db:
            held = sending_windows.closed(db, at, self._calendar)
            found = [
                ((port, slot, sim_id), queue_metrics.of_sim(db, sim_id, held))
                for sim_id, port, slot in sims.places(db)
            ]
        return [self._queue(place, waiting.get(place[2], 0), behind) for place, behind in found]

    def _accounts(self) -> list[SimAccount]:
        with self._store.readers.lend() as db:
            known = sims.shown(db, "")
        return [
            SimAccount(
                (sim.port, sim.slot, sim.id),
                None if sim.balance_at is None else sim.balance,
                sim.bundle_units,
                None if sim.bundle_end is None else sim.bundle_end / SECOND,
                sim.unreadable_since is not None,
                sim.suspected_at is not None,
            )
            for sim in known
        ]

    def _queue(self, place: SimPlace, waiting: int, behind: SimQueue) -> Queue:
        age = 0 if behind.oldest_at is None else self._clock.now() - behind.oldest_at
        # The clock of a box without a battery may have been set back since.
        return Queue(place, waiting, behind.deferred, behind.in_doubt, max(0, age) / SECOND)


def free_bytes(folder: Path) -> int:
    """Free bytes on the disk of a folder; 0 where they cannot be read."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0


def _counts(accepted: Sequence[int], db: Transaction) -> tuple[list[EventCount], dict[int, int]]:
    event_counts.accepted(db, accepted)
    return event_counts.read(db), queue_counts.waiting(db)
