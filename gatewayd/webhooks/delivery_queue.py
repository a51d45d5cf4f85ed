"""The work of one webhook, in order: new events by their id, and deliveries whose next attempt is due."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from gatewayd.events.documents import event_document
from gatewayd.records import EventRecord
from gatewayd.store import Transaction
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.tables import deliveries, event_eras, events, webhooks
from gatewayd.store.tables.deliveries import Delivery
from gatewayd.store.tables.webhooks import Webhook
from gatewayd.timekeeping.clock import HOUR, SECOND
from gatewayd.webhooks.schedule import LONGEST_RETRY_AFTER_S

# Events that are read at a time. With their texts they take some ten kilobytes.
_READ_AT_ONCE: Final = 50
_DUE_AT_ONCE: Final = 20

# Events that one read looks at: a read transaction must be short (see `store/tables/pagination.py`).
_WINDOW: Final = 10_000


@dataclass(frozen=True, slots=True)
class Item:
    """An event to be sent. `body` None: the event was deleted meanwhile."""

    number: int
    event_id: str
    body: bytes | None
    delivery: Delivery | None  # None: no attempt was made
    stored: bool = False  # its bytes are stored


def body_of(document: dict[str, Any]) -> bytes:
    """The bytes of a request."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


class DeliveryQueue:
    """Reads the work of a webhook some at a time. For one thread. Methods raise StoreUnavailableError."""

    def __init__(self, store: AnyStore, webhook: Webhook, position: int, longest_wait_s: float) -> None:
        """`position`: nothing up to this event is for it. `longest_wait_s`: between two attempts."""
        self._store = store
        self._webhook = webhook
        self._longest = round(max(longest_wait_s * 2, LONGEST_RETRY_AFTER_S) * SECOND) + HOUR
        self._position = position
        self._reached = position  # events up to this one were read
        self._new: deque[EventRecord] = deque()
        self._due: deque[Item] = deque()
        self.is_stale = False  # the webhook was changed by others
        self._may_have_new = True

    @property
    def position(self) -> int:
        """Events up to this one were tried, or are not for the webhook."""
        return self._position

    def look(self) -> None:
        """There may be new events."""
        self._may_have_new = True

    def change(self, webhook: Webhook) -> None:
        """Use the webhook's new settings."""
        if webhook.types != self._webhook.types:
            self._new.clear()
            self._reached = self._position
        self._webhook = webhook
        self.is_stale = False
        self._may_have_new = True

    def first(self) -> Item | None:
        """The next event that was not tried yet; it stays until `done`. None: there is none, as of the last `look`."""
        while not self._new:
            if not self._may_have_new:
                return None
            with self._store.readers.lend() as db:
                newest = events.last_id(db)
                if self._is_changed(db):
                    self.is_stale = True
                    return None
                if self._reached >= newest:
                    self._position = self._reached
                    self._may_have_new = False
                    return None
                until = min(newest, self._reached + _WINDOW)
                found, self._reached = events.after(
                    db, self._webhook.audience, self._reached, until, self._webhook.types, _READ_AT_ONCE
                )
            self._new.extend(found)
            self._may_have_new = self._reached < newest
            if not found:
                self._position = self._reached
        record = self._new[0]
        return Item(record.number, record.id, body_of(event_document(record)), None)

    def due(self, now: int) -> Item | None:
        """The next delivery whose attempt is due; it stays until `done`. None: there is none now.

        The results of earlier ones must be stored before they are read again (see `has_due`).
        """
        if not self._due:
            with self._store.readers.lend() as db:
                found = deliveries.due(db, self._webhook.id, now, now + self._longest, _DUE_AT_ONCE)
                self._due.extend(self._item(db, delivery) for delivery in found)
        return self._due[0] if self._due else None

    @property
    def has_due(self) -> bool:
        """Whether `due` has something without reading."""
        return bool(self._due)

    def oldest(self) -> Item | None:
        """The oldest event that is not delivered; it stays until `done`."""
        with self._store.readers.lend() as db:
            delivery = deliveries.oldest_pending(db, self._webhook.id)
            if delivery is not None:
                return self._item(db, delivery)
        return self.first()

    def done(self, item: Item) -> None:
        """An attempt for an item has ended."""
        if item.delivery is None:
            self._new.popleft()
            self._position = item.number if self._new else self._reached
        elif self._due and self._due[0].number == item.number:
            self._due.popleft()

    def _is_changed(self, db: Transaction) -> bool:
        """Whether the webhook was changed before these events: one that was disabled with them must not get them."""
        webhook = webhooks.find(db, self._webhook.id)
        return webhook is None or webhook.settings != self._webhook.settings

    def _item(self, db: Transaction, delivery: Delivery) -> Item:
        stored = deliveries.body(db, self._webhook.id, delivery.number)
        if stored is not None:
            event_id = event_eras.read(db).public_id(delivery.number)
            return Item(delivery.number, event_id, stored, delivery, stored=True)
        record = events.by_number(db, delivery.number)
        if record is None:
            return Item(delivery.number, "", None, delivery)
        return Item(delivery.number, record.id, body_of(event_document(record)), delivery)
