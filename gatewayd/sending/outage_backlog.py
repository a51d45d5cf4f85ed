"""After an outage: what waited too long is sent slowly, and holds up nothing that is new.

Nobody needs a thousand old notices in one burst, neither their readers nor the operator, who blocks SIMs for it; and the
person who asks for a code now must not wait behind those who gave up. So when the daemon starts, or a SIM comes back
after longer than `dispatch.backlog_guard_s`, what is older than that in its queue is set apart by one number, the highest id
of it: ids rise with time, and a queue is found by id without a search. A SIM sends new messages first, but for new bulk
ones; in between `dispatch.backlog_rate` parts a minute of the old ones: the newest one-time codes first, since the
older ones have been asked for again, then in the usual order.

The rate is each SIM's own, not the gateway's: what an operator minds is the SIM, and a bank of sixteen has sixteen
times as much to catch up with. An old queue that is merely long, without an outage, is sent as fast as ever.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from config.settings import DispatchSettings
from gatewayd.records import Priority
from gatewayd.store import Transaction
from gatewayd.store.tables import messages
from gatewayd.store.tables.send_queue import QueuedPart
from gatewayd.timekeeping.clock import SECOND, Clock, Moment

# Where the old ones come in the order of priorities: before new bulk.
_OLD = Priority.BULK - 0.5


@dataclass(frozen=True, slots=True)
class Head:
    """The first part of a queue, or of its old share."""

    part: QueuedPart
    old: bool = False

    @property
    def rank(self) -> tuple[float, int, int, int]:
        """What goes first: the lowest."""
        priority, message_id = self.part.priority, self.part.message_id
        if not self.old:
            return (priority, 0, message_id, self.part.seq)
        newest_first = priority == Priority.OTP
        return (_OLD, priority, -message_id if newest_first else message_id, self.part.seq)


@dataclass(frozen=True, slots=True)
class Aged:
    """Found within a transaction: the queues of these SIMs are old up to the message id `last`; 0: nothing is old."""

    last: int
    queues: tuple[int, ...]
    at_start: bool


class Backlog:
    """Which queues hold something old, and when each SIM may send of that next. Any thread may call any method."""

    def __init__(self, settings: DispatchSettings, clock: Clock) -> None:
        self._guard_s = settings.backlog_guard_s
        self._every_s = 60.0 / settings.backlog_rate
        self._clock = clock
        self._lock = threading.Lock()
        self._began = clock.monotonic()
        self._began_with = False  # whether what is old at the start was set apart
        self._working: set[int] = set()  # the SIMs that can send
        self._lost_at: dict[int, float] = {}  # SIM id → when it could no more (monotonic)
        self._old: dict[int, int] = {}  # SIM id → the highest id of what is old in its queue
        self._next: dict[int, float] = {}  # SIM id → when it may send of that again (monotonic)

    def at_start(self, db: Transaction, at: Moment, queues: list[int]) -> Aged | None:
        """What is old in the queues of these SIMs: asked once, as soon as the clock can tell how old anything is.

        None: the clock cannot tell yet, or that was asked. Within a transaction; `set_apart` takes it after the commit.
        """
        if not at.trusted or self._began_with:
            return None
        return self._aged(db, at, queues, at_start=True)

    def lost(self, sim_id: int, now: float) -> None:
        """A SIM cannot send, at `now` (monotonic)."""
        with self._lock:
            if sim_id in self._working:
                self._working.remove(sim_id)
                self._lost_at[sim_id] = now

    def is_back(self, sim_id: int, now: float) -> bool:
        """Whether a SIM that can send now was lost for longer than the guard: then `returned` comes before `works`."""
        with self._lock:
            if sim_id in self._working:
                return False
            return bool(self._guard_s) and self._lost_s(sim_id, now) > self._guard_s

    def works(self, sim_id: int) -> None:
        """A SIM can send, and what is old in its queue is set apart."""
        with self._lock:
            self._working.add(sim_id)

    def returned(self, db: Transaction, at: Moment, sim_id: int, queues: list[int]) -> Aged | None:
        """What is old in this SIM's queue, and in those whose SIMs have been lost as long: it may carry that, too.

        None: the clock cannot tell. Within a transaction; `set_apart` takes it after the commit.
        """
        now = self._clock.monotonic()
        with self._lock:
            lost = [
                queue
                for queue in queues
                if queue not in self._working and self._lost_s(queue, now) > self._guard_s
            ]
        return self._aged(db, at, [sim_id, *lost], at_start=False)

    def set_apart(self, found: Aged | None) -> None:
        """Set apart what was found to be old. None: nothing."""
        if found is None:
            return
        with self._lock:
            self._began_with = self._began_with or found.at_start
            for queue in found.queues if found.last else ():
                self._old[queue] = max(found.last, self._old.get(queue, 0))

    def old(self, sim_id: int) -> int:
        """Up to which message id a SIM's queue is old; 0: it holds nothing old."""
        with self._lock:
            return self._old.get(sim_id, 0)

    def queues(self) -> list[int]:
        """The SIMs whose queues hold something old."""
        with self._lock:
            return sorted(self._old)

    def over(self, sim_id: int, last: int) -> None:
        """There is nothing old in a SIM's queue up to this message id, unless more was set apart meanwhile."""
        with self._lock:
            if self._old.get(sim_id) == last:
                del self._old[sim_id]

    def wait_s(self, sim_id: int) -> float:
        """How long until a SIM may send something old; 0: now."""
        with self._lock:
            return max(0.0, self._next.get(sim_id, 0.0) - self._clock.monotonic())

    def sends(self, sim_id: int) -> None:
        """A SIM sends something old now."""
        with self._lock:
            self._next[sim_id] = self._clock.monotonic() + self._every_s

    def _lost_s(self, sim_id: int, now: float) -> float:
        return now - self._lost_at.get(sim_id, self._began)

    def _aged(self, db: Transaction, at: Moment, queues: list[int], *, at_start: bool) -> Aged | None:
        if not at.trusted:
            return None  # without a clock the age of a message is unknown
        last = messages.newest_before(db, at.now - int(self._guard_s * SECOND)) if self._guard_s else 0
        return Aged(last, tuple(queues), at_start)
