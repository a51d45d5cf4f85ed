"""Starts a worker for each webhook that has something to deliver, and ends it when there is nothing."""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from time import monotonic
from typing import Final

from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.tables import events, webhooks
from gatewayd.store.tables.webhooks import Webhook
from gatewayd.webhooks.states import DISABLED
from gatewayd.webhooks.worker import Ended, Order, Tools, Worker

log = logging.getLogger(__name__)

# Webhooks that deliver at the same time. Twenty that hang leave enough for all others; a thread takes some ten kilobytes.
_MOST: Final = 64

# Events that one look at their kinds reads: a read transaction must be short.
_WINDOW: Final = 10_000

# A webhook without events of its own is moved on in the store after so many events of others: a start reads no more.
_ADVANCE: Final = 10_000

# Between two looks at new events: the first event after a pause is sent at once, and those of busy times in groups. Each look
# reads pages of the database anew, which takes several times as long as sending an event.
_LOOK_S: Final = 0.1

_AGAIN_S: Final = 5.0
_AFTER_A_FAULT_S: Final = 5.0
_FOREVER: Final = float("inf")


@dataclass(slots=True)
class _Known:
    """A webhook as the sender knows it. Only its thread uses it."""

    webhook: Webhook
    position: int  # nothing up to this event is for it; the worker knows better
    stored: int  # the position that is stored at least
    failures: int = 0  # in a row
    next_at: float = _FOREVER  # monotonic: when there is work again
    blocked: bool = False  # new events change nothing before that
    worker: Worker | None = None
    waits: bool = False  # for a thread
    deleted: bool = False

    @property
    def idle(self) -> bool:
        """Whether it has no thread, and waits for none."""
        return self.worker is None and not self.waits


@dataclass(frozen=True, slots=True)
class _Changed:
    """A webhook was made, changed or deleted, or its deliveries were queued."""

    webhook_id: int


@dataclass(frozen=True, slots=True)
class _Probe:
    """A question whether the thread works."""

    answered: Callable[[], None]


class _Order(Enum):
    EVENTS = "events"
    RELOAD = "reload"
    STOP = "stop"


_Received = _Order | _Changed | _Probe | Ended


@dataclass(slots=True)
class _State:
    """The state of the sender. Only its thread uses it."""

    known: dict[int, _Known] = field(default_factory=dict)
    seen: int = 0  # events up to this one were looked at
    line: deque[int] = field(default_factory=deque)  # webhooks that wait for a thread
    running: int = 0
    look_at: float = _FOREVER  # monotonic: when to look at new events
    looked_at: float = 0.0


class Sender:
    """Delivers events to webhooks, from `start` to `stop`. Any thread may call its methods."""

    def __init__(self, tools: Tools, most: int = _MOST) -> None:
        self._tools = tools
        self._most = most
        self._inbox: queue.SimpleQueue[_Received | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._told = threading.Event()  # an order to look at events is in the inbox
        self._state = _State()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Start. What was not delivered before is delivered now. Raises StoreUnavailableError."""
        self._tools.store.follow_events(self._events_written)
        self._load()
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Stop within `timeout_s`. Attempts in progress are cut off, and made again after the next start."""
        self._stopping.set()
        self._inbox.put(_Order.STOP)
        if not self._thread.is_alive():
            return
        deadline = monotonic() + timeout_s
        self._thread.join(timeout_s)
        if not self._thread.is_alive():
            for known in self._state.known.values():
                if known.worker is not None:
                    known.worker.join(max(0.0, deadline - monotonic()))

    def changed(self, webhook_id: int) -> None:
        """A webhook was made, changed or deleted durably, or deliveries of it were queued."""
        self._inbox.put(_Changed(webhook_id))

    def reload(self) -> None:
        """Some webhooks were made, changed or deleted durably, or deliveries of them were queued."""
        self._inbox.put(_Order.RELOAD)

    def probe(self, answered: Callable[[], None]) -> None:
        """Have the thread call `answered`, to check that it runs."""
        self._inbox.put(_Probe(answered))

    def _events_written(self) -> None:
        if not self._told.is_set():
            self._told.set()
            self._inbox.put(_Order.EVENTS)

    def _load(self) -> None:
        with self._tools.store.readers.lend() as db:
            self._state.seen = events.last_id(db)
            found = webhooks.all_(db)
        for webhook in found:
            self._state.known[webhook.id] = _known(webhook)
            self._wake(self._state.known[webhook.id])

    def _run(self) -> None:
        while True:
            try:
                order = self._inbox.get(timeout=self._wait_s())
            except queue.Empty:
                order = None
            if order is _Order.STOP:
                break
            try:
                self._work(order)
            except Exception:
                log.exception("the webhooks met an unexpected error; they go on")
                self._stopping.wait(_AFTER_A_FAULT_S)
        for known in self._state.known.values():
            if known.worker is not None:
                known.worker.leave()

    def _work(self, order: _Received | None) -> None:
        """Take an order (None: something is due), and look at new events in time."""
        try:
            if order is not None:
                self._take(order)
        except StoreUnavailableError as error:
            log.debug("a webhook is read again later: %s", error)
            self._again(order)
        try:
            self._look_in_time()
        except StoreUnavailableError as error:
            log.debug("webhooks wait: %s", error)
            self._state.look_at = monotonic() + _AGAIN_S
        self._wake_due()

    def _again(self, order: _Received | None) -> None:
        """Take an order once more after a pause, because the store could not be read."""
        timer = threading.Timer(_AGAIN_S, self._inbox.put, (order,))
        timer.daemon = True
        timer.start()

    def _wait_s(self) -> float | None:
        first = min(
            (known.next_at for known in self._state.known.values() if known.idle),
            default=_FOREVER,
        )
        first = min(first, self._state.look_at)
        return None if first == _FOREVER else max(0.0, first - monotonic())

    def _take(self, order: _Received) -> None:
        match order:
            case Ended():
                self._worker_ended(order)
            case _Changed():
                self._reload(order.webhook_id)
            case _Probe():
                order.answered()
            case _Order.RELOAD:
                self._reload_all()
            case _:
                self._state.look_at = min(self._state.look_at, self._state.looked_at + _LOOK_S)

    def _look_in_time(self) -> None:
        """Look at new events, if it is time. Raises StoreUnavailableError."""
        now = monotonic()
        if self._state.look_at <= now:
            self._state.look_at, self._state.looked_at = _FOREVER, now
            self._look()

    def _look(self) -> None:
        """Look at the new events, and wake the webhooks that get them."""
        state = self._state
        if not state.known:
            return  # `_told` stays set, so that commits cost nothing while there is no webhook
        self._told.clear()
        while True:
            with self._tools.store.readers.lend() as db:
                newest = events.last_id(db)
                until = min(newest, state.seen + _WINDOW)
                kinds = webhooks.kinds(db, state.seen, until)
            for known in state.known.values():
                if any(kind.is_for(known.webhook) for kind in kinds):
                    self._wake(known)
                elif known.idle and known.position >= state.seen:
                    known.position = until
            state.seen = max(state.seen, until)
            if until >= newest:
                break
        self._advance()

    def _advance(self) -> None:
        """Store how far webhooks have come to which no event went lately."""
        far = [
            known
            for known in self._state.known.values()
            if known.idle and known.position >= known.stored + _ADVANCE
        ]
        if far:
            positions = [(known.position, known.webhook.id) for known in far]
            self._tools.store.take(lambda db: webhooks.advance(db, positions))
            for known in far:
                known.stored = known.position

    def _reload_all(self) -> None:
        with self._tools.store.readers.lend() as db:
            found = {webhook.id for webhook in webhooks.all_(db)}
        for webhook_id in found | self._state.known.keys():
            self._reload(webhook_id)

    def _reload(self, webhook_id: int) -> None:
        with self._tools.store.readers.lend() as db:
            webhook = webhooks.find(db, webhook_id)
        known = self._state.known.get(webhook_id)
        if known is None:
            if webhook is not None:
                self._state.known[webhook_id] = known = _known(webhook)
                self._wake(known)
                self._inbox.put(_Order.EVENTS)  # nothing was looked at while there was no webhook
            return
        known.deleted = webhook is None
        known.webhook = webhook or known.webhook
        if known.worker is not None:
            known.worker.orders.put(Order.CHANGED)
        elif known.deleted:
            del self._state.known[webhook_id]
        else:
            known.blocked = False
            self._wake(known)

    def _worker_ended(self, ended: Ended) -> None:
        state = self._state
        known = state.known[ended.webhook_id]
        unread = known.worker is not None and not known.worker.orders.empty()
        known.worker = None
        known.position = max(known.position, ended.position)
        known.failures, known.next_at = ended.failures, ended.next_at
        known.blocked = ended.blocked and not unread
        state.running -= 1
        if known.deleted:
            del state.known[ended.webhook_id]
        elif unread or known.next_at <= monotonic():
            self._wake(known)
        elif ended.caught_up:  # it was told of every event for it up to here
            known.position = max(known.position, state.seen)
        self._start_next()

    def _wake_due(self) -> None:
        now = monotonic()
        for known in list(self._state.known.values()):
            if known.next_at <= now and known.idle:
                known.blocked = False
                self._wake(known)

    def _wake(self, known: _Known) -> None:
        """Have a webhook deliver, as soon as there is a thread."""
        if known.webhook.state == DISABLED or known.waits:
            return
        if known.worker is not None:
            if known.worker.orders.empty():
                known.worker.orders.put(Order.LOOK)
            return
        if known.blocked and known.next_at > monotonic():
            return
        known.waits = True
        self._state.line.append(known.webhook.id)
        self._start_next()

    def _start_next(self) -> None:
        state = self._state
        while state.line and state.running < self._most:
            known = state.known.get(state.line.popleft())
            if known is None:  # it was deleted
                continue
            known.waits = False
            worker = Worker(self._tools, known.webhook.id, known.position, known.failures, self._inbox.put)
            try:
                worker.start()
            except RuntimeError as error:
                log.warning("webhooks wait: no thread can be started (%s)", error)
                known.next_at, known.blocked = monotonic() + _AGAIN_S, True
                break
            known.worker, known.next_at = worker, _FOREVER
            state.running += 1
        if state.line:
            self._tools.crowded.set()
        else:
            self._tools.crowded.clear()


def _known(webhook: Webhook) -> _Known:
    return _Known(webhook, webhook.progress.position, webhook.progress.position)
