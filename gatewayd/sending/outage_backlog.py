"""After an outage, old messages are sent slowly and do not delay new ones.

Operators block SIMs that send a thousand old notices in one burst, and a new one-time code must not wait behind old
messages. So when the daemon starts, or a SIM returns after more than `dispatch.backlog_guard_s`, the messages in its queue
that are older than that are set apart. One number marks them, the highest id of an old message: ids rise with time, and an
index finds a part by its place in the queue, which is the message's id. A SIM sends new messages first, except new bulk messages. Between them it sends
`dispatch.backlog_rate` parts a minute of the old ones: the newest one-time codes first, because clients have requested the
older codes again; then the others in the usual order.

The rate counts for each SIM, not for the gateway: operators judge each SIM, and a bank of sixteen SIMs has sixteen times
as much to send. A long queue without an outage is sent at full speed.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from config.settings import DispatchSettings
from gatewayd.store import Transaction
from gatewayd.store.tables import messages
from gatewayd.timekeeping.clock import SECOND, Clock, Moment


@dataclass(frozen=True, slots=True)
class Aged:
    """Result of a transaction: the queues of these SIMs are old up to the place `last`; 0: nothing is old."""

    last: int
    queues: tuple[int, ...]
    at_start: bool


class OutageBacklog:
    """The queues with old messages, and when each SIM may send the next old one. Any thread may call any method."""

    def __init__(self, settings: DispatchSettings, clock: Clock) -> None:
        self._guard_s = settings.backlog_guard_s
        self._every_s = 60.0 / settings.backlog_rate
        self._clock = clock
        self._lock = threading.Lock()
        self._began = clock.monotonic()
        self._began_with = False  # whether the messages that were old at the start are set apart
        self._working: set[int] = set()  # the SIMs that can send
        self._lost_at: dict[int, float] = {}  # SIM id → since when it cannot send (monotonic)
        self._old: dict[int, int] = {}  # SIM id → the highest id of an old message in its queue
        self._next: dict[int, float] = {}  # SIM id → when it may send the next old one (monotonic)

    def at_start(self, db: Transaction, at: Moment, queues: list[int]) -> Aged | None:
        """The old messages in the queues of these SIMs: found once, as soon as the clock is trusted.

        None: the clock is not trusted yet, or they were found before. Within a transaction; call `set_apart` with the
        result after the commit.
        """
        if not at.trusted or self._began_with:
            return None
        return self._aged(db, at, queues, at_start=True)

    def lost(self, sim_id: int, now: float) -> None:
        """A SIM cannot send since `now` (monotonic seconds)."""
        with self._lock:
            if sim_id in self._working:
                self._working.remove(sim_id)
                self._lost_at[sim_id] = now

    def is_back(self, sim_id: int, now: float) -> bool:
        """Whether a SIM that can send now was lost for longer than the guard: then call `returned` before `works`."""
        with self._lock:
            if sim_id in self._working:
                return False
            return bool(self._guard_s) and self._lost_s(sim_id, now) > self._guard_s

    def works(self, sim_id: int) -> None:
        """A SIM can send, and the old messages in its queue are set apart."""
        with self._lock:
            self._working.add(sim_id)

    def returned(self, db: Transaction, at: Moment, sim_id: int, queues: list[int]) -> Aged | None:
        """The old messages in the queue of this SIM, and in the queues of SIMs that are still lost: it may send those too.

        None: the clock is not trusted. Within a transaction; call `set_apart` with the result after the commit.
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
        """Set old messages apart. None: there are none."""
        if found is None:
            return
        with self._lock:
            self._began_with = self._began_with or found.at_start
            for queue in found.queues if found.last else ():
                self._old[queue] = max(found.last, self._old.get(queue, 0))

    def set_apart_up_to(self, sim_id: int, last: int) -> None:
        """Set the messages in the queue of a SIM apart up to this place: scheduled ones that are late were queued there."""
        with self._lock:
            self._old[sim_id] = max(last, self._old.get(sim_id, 0))

    def old(self, sim_id: int) -> int:
        """The highest place of an old message in the queue of a SIM; 0: the queue has none."""
        with self._lock:
            return self._old.get(sim_id, 0)

    def queues(self) -> list[int]:
        """The SIMs whose queues have old messages."""
        with self._lock:
            return sorted(self._old)

    def over(self, sim_id: int, last: int) -> None:
        """The queue of a SIM has no more old messages up to this id, unless more were added meanwhile."""
        with self._lock:
            if self._old.get(sim_id) == last:
                del self._old[sim_id]

    def wait_s(self, sim_id: int) -> float:
        """Seconds until a SIM may send an old message; 0: now."""
        with self._lock:
            return max(0.0, self._next.get(sim_id, 0.0) - self._clock.monotonic())

    def sends(self, sim_id: int) -> None:
        """A SIM sends an old message now."""
        with self._lock:
            self._next[sim_id] = self._clock.monotonic() + self._every_s

    def _lost_s(self, sim_id: int, now: float) -> float:
        return now - self._lost_at.get(sim_id, self._began)

    def _aged(self, db: Transaction, at: Moment, queues: list[int], *, at_start: bool) -> Aged | None:
        if not at.trusted:
            return None  # without a clock the age of a message is unknown
        last = messages.newest_before(db, at.now - int(self._guard_s * SECOND)) if self._guard_s else 0
        return Aged(last, tuple(queues), at_start)
