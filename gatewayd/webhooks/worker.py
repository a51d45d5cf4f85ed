"""The thread that delivers the events of one webhook, for as long as there is something to deliver."""

from __future__ import annotations

import logging
import queue
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from time import monotonic
from typing import Final

from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.tables import deliveries, webhooks
from gatewayd.store.tables.deliveries import Delivery, PastAttempt
from gatewayd.store.tables.webhooks import Webhook
from gatewayd.timekeeping.clock import SECOND, SLACK, Moment
from gatewayd.webhooks import schedule
from gatewayd.webhooks.delivery_queue import DeliveryQueue, Item
from gatewayd.webhooks.poster import TIMEOUT_S, Attempt, Poster, Way
from gatewayd.webhooks.results import Batch, Result, store_batch
from gatewayd.webhooks.signing import signed_headers
from gatewayd.webhooks.states import DISABLED, PAUSED, Health, after_failure, after_success

log = logging.getLogger(__name__)

# Results are stored together: after this time, or as soon as there are so many.
_STORE_S: Final = 1.0
_STORE_AT: Final = 100

# An idle thread ends after this time. Until then its connection stays open.
_LINGER_S: Final = 10.0

# The next look where nothing can be sent: the disk has a problem, the time is not trusted, or the box has no network.
_HELD_S: Final = 5.0

# Where webhooks wait for a thread, one that has worked for so long goes to the end of the line.
_TURN_S: Final = 20.0

# Between two attempts to a receiver that catches up: at most ten a second.
_CATCH_UP_S: Final = 0.1

_AFTER_A_FAULT_S: Final = 60.0
_FOREVER: Final = float("inf")


class Order(Enum):
    """A message to the worker."""

    LOOK = "look"  # there are new events
    CHANGED = "changed"  # the webhook or its deliveries were changed
    LEAVE = "leave"  # end at once


@dataclass(frozen=True, slots=True)
class Tools:
    """The parts of the gateway that every worker uses."""

    store: AnyStore
    moment: Callable[[], Moment]
    way: Way
    retry_s: tuple[float, ...]
    crowded: threading.Event  # webhooks wait for a thread
    timeout_s: float = TIMEOUT_S
    chance: Callable[[], float] = random.random  # 0 to 1


@dataclass(frozen=True, slots=True)
class Ended:
    """A worker has ended. Times are monotonic seconds."""

    webhook_id: int
    position: int  # nothing up to this event is for the webhook
    failures: int  # in a row
    next_at: float  # when there is work again; infinite: when it is told so
    blocked: bool  # new events change nothing before that
    caught_up: bool  # no event waited for its first attempt


class Worker:
    """Delivers the events of one webhook, one after the other. `ended` is called on its thread when it ends."""

    def __init__(
        self, tools: Tools, webhook_id: int, position: int, failures: int, ended: Callable[[Ended], None]
    ) -> None:
        """`position`, `failures`: as the worker before it told when it ended."""
        self.orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._tools = tools
        self._before = Ended(webhook_id, position, failures, 0.0, blocked=False, caught_up=False)
        self._ended = ended
        self._poster = Poster(tools.way, tools.timeout_s)
        self._thread = threading.Thread(target=self._run, name=f"webhook-{webhook_id}", daemon=True)

    def start(self) -> None:
        """Start the thread. Raises RuntimeError where no more threads can be started."""
        self._thread.start()

    def leave(self) -> None:
        """End at once. An attempt that is in progress is cut off; it is made again at the next start."""
        self.orders.put(Order.LEAVE)
        self._poster.abort()

    def join(self, timeout_s: float) -> None:
        """Wait until the thread has ended."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        webhook_id = self._before.webhook_id
        ended = replace(self._before, next_at=monotonic() + _AFTER_A_FAULT_S, blocked=True)
        try:
            with self._tools.store.readers.lend() as db:
                webhook = webhooks.find(db, webhook_id)
            if webhook is None or webhook.state == DISABLED:
                ended = replace(ended, next_at=_FOREVER)
            else:
                ended = _Turn(self._tools, webhook, self._before, self._poster, self.orders).run()
        except StoreUnavailableError as error:
            log.debug("the deliveries of webhook %d wait: %s", webhook_id, error)
            ended = replace(ended, next_at=monotonic() + _HELD_S)
        except Exception:
            log.exception(
                "the deliveries of webhook %d failed; they go on in %d s", webhook_id, _AFTER_A_FAULT_S
            )
        finally:
            self._poster.close()
            self._ended(ended)


class _Turn:
    """The work of a thread from its start to its end."""

    def __init__(
        self,
        tools: Tools,
        webhook: Webhook,
        before: Ended,
        poster: Poster,
        orders: queue.SimpleQueue[Order],
    ) -> None:
        self._tools = tools
        self._webhook = webhook
        self._health = _health_of(webhook)
        position = max(before.position, webhook.progress.position)
        self._queue = DeliveryQueue(tools.store, webhook, position, max(tools.retry_s))
        self._poster = poster
        self._orders = orders
        self._results: list[Result] = []
        self._store_at = 0.0  # monotonic: when the results must be stored
        self._store_failed = False
        # The next attempt of a pending delivery, in microseconds; 0: not known.
        self._next_due: int | None = 0
        self._not_before = 0.0  # monotonic: no attempt before
        self._blocked = False  # new events change nothing before that
        self._failures = before.failures
        self._due_turn = False
        self._catches_up = webhook.progress.catch_up_to > position  # with due deliveries
        self._leaving = False
        self._changed = False

    def run(self) -> Ended:
        """Deliver until there is nothing to do."""
        began = idle_since = monotonic()
        while True:
            wait_s = self._step()
            now, crowded = monotonic(), self._tools.crowded.is_set()
            if self._leaving:
                break
            if wait_s == 0:
                idle_since = now
                if crowded and now - began > _TURN_S:
                    break
            elif not self._results and (crowded or now - idle_since >= _LINGER_S):
                break
            self._take_orders(min(wait_s, self._longest_wait(now - idle_since)))
        if self._results:
            self._store()
        next_at = _FOREVER if self._leaving else monotonic() + wait_s
        return Ended(
            self._webhook.id,
            self._queue.position,
            self._failures,
            next_at,
            self._blocked,
            caught_up=not self._blocked and not self._leaving and wait_s > 0,
        )

    def _longest_wait(self, idle_s: float) -> float:
        """Seconds until results must be stored, or the thread has been idle for long enough."""
        if self._results:
            return max(0.0, self._store_at - monotonic())
        return max(0.0, _LINGER_S - idle_s)

    def _take_orders(self, wait_s: float) -> None:
        """Wait for an order, and take all that have come."""
        try:
            order = self._orders.get(timeout=wait_s) if wait_s > 0 else self._orders.get_nowait()
            while True:
                self._leaving |= order is Order.LEAVE
                self._changed |= order is Order.CHANGED
                self._queue.look()
                order = self._orders.get_nowait()
        except queue.Empty:
            return

    def _step(self) -> float:
        """Make an attempt, or store results. Returns 0, or the seconds until there is something to do."""
        try:
            return self._work()
        except StoreUnavailableError as error:
            log.debug("the deliveries of webhook %d wait: %s", self._webhook.id, error)
            self._store_failed, self._store_at = True, monotonic() + _HELD_S
            self._blocked = True
            return _HELD_S

    def _work(self) -> float:
        now = monotonic()
        if self._store_failed and now < self._store_at:
            return self._store_at - now
        self._blocked = False
        if self._changed or self._must_store(now):
            self._store()
        if self._leaving or self._webhook.state == DISABLED:
            self._leaving = True
            return 0
        now = monotonic()
        at = self._tools.moment()
        wait_s = self._not_before - now if at.trusted else _HELD_S
        if self._health.state == PAUSED:
            wait_s = max(wait_s, self._until_probe(at))
        if wait_s > 0:
            self._blocked = True
            return wait_s
        item = self._next(at)
        if item is None:
            self._changed |= self._queue.is_stale
            return 0 if self._changed else self._rest(at)
        self._deliver(item, at)
        return 0

    def _must_store(self, now: float) -> bool:
        if not self._results:
            return False
        changed = self._health.state != self._webhook.state
        return changed or len(self._results) >= _STORE_AT or now >= self._store_at

    def _next(self, at: Moment) -> Item | None:
        """The next item: new events and due deliveries in turn; of a paused webhook the oldest."""
        if self._health.state == PAUSED:
            return self._queue.oldest()
        first = self._queue.first()
        if self._queue.is_stale:
            return None
        self._due_turn = not self._due_turn
        return (self._due(at) or first) if self._due_turn else (first or self._due(at))

    def _due(self, at: Moment) -> Item | None:
        if not self._queue.has_due:
            if self._next_due is None or self._next_due > at.now:
                return None
            if self._results:  # among them may be results of due deliveries
                self._store()
        item = self._queue.due(at.now)
        if item is None:
            self._next_due = self._read_next_due()
            self._catches_up = False
        return item

    def _read_next_due(self) -> int | None:
        with self._tools.store.readers.lend() as db:
            return deliveries.next_due(db, self._webhook.id)

    def _until_probe(self, at: Moment) -> float:
        """Seconds until a paused webhook is tried."""
        last = self._health.progress.last_failure_at
        if last is None or last > at.now + SLACK:
            return 0
        return last / SECOND + schedule.PROBE_S - at.now / SECOND

    def _rest(self, at: Moment) -> float:
        """Seconds until there is something to do, unless there is an order."""
        if self._health.state == PAUSED or self._next_due is None:
            return _FOREVER  # nothing is undelivered
        return max(0.01, (self._next_due - at.now) / SECOND)

    def _deliver(self, item: Item, at: Moment) -> None:
        """Make one attempt, and note its result."""
        if item.body is None:
            self._note(Result(item.number, None), item)
            return
        headers = signed_headers(self._webhook.signing(at.now), item.event_id, at.now // SECOND, item.body)
        began = monotonic()
        attempt = self._poster.post(self._webhook.url, headers, item.body, private=self._webhook.private)
        if self._poster.aborted:
            self._leaving = True
            return
        if attempt.status_code is None and not attempt.delivered and not self._tools.way.online():
            self._not_before = monotonic() + _HELD_S  # it says nothing about the receiver
            return
        slow = self._catches_up or self._webhook.progress.catch_up_to > self._queue.position
        if attempt.delivered:
            self._delivered(item, attempt, at)
        else:
            self._failed(item, attempt, at)
        if slow:
            self._not_before = max(self._not_before, began + _CATCH_UP_S)

    def _delivered(self, item: Item, attempt: Attempt, at: Moment) -> None:
        self._failures = 0
        self._health = after_success(self._health, at.now)
        delivery = Delivery(item.number, "delivered", _tries(item) + 1, None, _attempts(item, attempt, at))
        self._note(Result(item.number, delivery), item)

    def _failed(self, item: Item, attempt: Attempt, at: Moment) -> None:
        self._failures += 1
        paused = self._health.state == PAUSED
        self._health = after_failure(self._health, at.now, item.number, gone=attempt.status_code == 410)
        tries = _tries(item) + (0 if paused and item.delivery is not None else 1)
        wait_s = schedule.wait_s(tries, self._tools.retry_s, self._tools.chance())
        if wait_s is None and self._health.state == PAUSED:
            wait_s = schedule.PROBE_S  # nothing fails for good while the webhook is paused
        wish_s = schedule.retry_after_s(attempt.status_code, attempt.retry_after, at.now)
        next_at = None if wait_s is None else at.now + round(max(wait_s, wish_s) * SECOND)
        state = "failed" if next_at is None else "pending"
        delivery = Delivery(item.number, state, tries, next_at, _attempts(item, attempt, at))
        self._not_before = monotonic() + max(wish_s, schedule.pause_s(self._failures))
        self._note(Result(item.number, delivery, None if item.stored else item.body), item)

    def _note(self, result: Result, item: Item) -> None:
        if not self._results:
            self._store_at = monotonic() + _STORE_S
        self._results.append(result)
        self._queue.done(item)

    def _store(self) -> None:
        """Store the results, and use the webhook's settings as they are then. Raises StoreUnavailableError."""
        progress = replace(self._health.progress, position=self._queue.position)
        batch = Batch(tuple(self._results), self._webhook.state, replace(self._health, progress=progress))
        webhook_id, now = self._webhook.id, self._tools.moment().now
        webhook, self._next_due = self._tools.store.take(
            lambda db: (store_batch(db, webhook_id, batch, now), deliveries.next_due(db, webhook_id))
        )
        self._results = []
        self._changed = self._store_failed = False
        if webhook is None:
            self._leaving = True
            return
        if webhook.settings != replace(self._webhook, state=batch.health.state).settings:
            self._not_before = 0.0  # a person may have repaired something
        self._catches_up |= webhook.progress.catch_up_to > self._webhook.progress.catch_up_to
        self._webhook = webhook
        self._health = _health_of(webhook)
        self._queue.change(webhook)


def _health_of(webhook: Webhook) -> Health:
    return Health(webhook.state, webhook.paused_for, webhook.progress)


def _tries(item: Item) -> int:
    return 0 if item.delivery is None else item.delivery.tries


def _attempts(item: Item, attempt: Attempt, at: Moment) -> tuple[PastAttempt, ...]:
    past = () if item.delivery is None else item.delivery.attempts
    return (*past, PastAttempt(at.now, attempt.status_code, attempt.duration_ms, attempt.error))
