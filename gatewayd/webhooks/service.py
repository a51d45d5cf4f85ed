"""Webhooks for HTTP and the command line: make, list, change, rotate, test, replay and delete them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from config.language.text import Text
from gatewayd.errors import (
    AdminRequiredError,
    ConflictError,
    Fault,
    InvalidRequestError,
    NotFoundError,
    storage_errors,
)
from gatewayd.messages.documents import timestamp
from gatewayd.records import Caller
from gatewayd.store import Transaction
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.tables import deliveries, event_eras, events, webhooks
from gatewayd.store.tables.deliveries import ShownDelivery
from gatewayd.store.tables.webhooks import NewWebhook, Webhook
from gatewayd.timekeeping.clock import DAY, SECOND, Moment
from gatewayd.webhooks import results
from gatewayd.webhooks.delivery_queue import body_of
from gatewayd.webhooks.drafts import WebhookDraft, checked
from gatewayd.webhooks.poster import Attempt, Poster, Way
from gatewayd.webhooks.signing import new_secret, signed_headers
from gatewayd.webhooks.states import DISABLED, KEY_DEACTIVATED, OK

MOST_OF_A_COMPANY: Final = 20

_BOTH_SIGN: Final = DAY  # after a rotation

# Events that are queued again in one transaction: some milliseconds.
_REPLAYED_AT_ONCE: Final = 2000

_EVER: Final = 2**62


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """A choice of events to be sent again. Times in microseconds since the epoch: since ≤ event < until."""

    since: int | None = None
    until: int | None = None
    event_id: str | None = None
    only: str | None = None  # missing or all; None: all with `event_id`, else missing


@dataclass(frozen=True, slots=True)
class Queued:
    """How many events were queued, and whether all were looked at within the time."""

    count: int
    complete: bool


class Webhooks:
    """All webhooks. `caller` None is the command line, which manages every webhook. Methods raise StorageUnavailableError."""

    def __init__(
        self, store: AnyStore, moment: Callable[[], Moment], way: Way, changed: Callable[[int], None]
    ) -> None:
        """`changed` is called with the id of each webhook that was changed durably."""
        self._store = store
        self._moment = moment
        self._way = way
        self._changed = changed

    def create(self, caller: Caller | None, company_id: int, draft: WebhookDraft) -> Webhook:
        """Make a webhook. Raises InvalidRequestError, AdminRequiredError, ConflictError."""
        private = caller is None or caller.admin
        if draft.box and not private:
            raise AdminRequiredError
        given = {"url": draft.url, "types": draft.types, "description": draft.description}
        values = checked(given, self._way.judge, box=draft.box, private=private)
        new = NewWebhook(
            company_id=company_id,
            key_id=None if caller is None else caller.key_id,
            box=draft.box,
            sandbox=caller is not None and caller.sandbox,
            private=private,
            url=values["url"],
            types=values["types"],
            description=values["description"],
            secret=new_secret(),
        )
        now = self._moment().now

        def add(db: Transaction) -> Webhook:
            if webhooks.count_of_company(db, company_id) >= MOST_OF_A_COMPANY:
                raise ConflictError(Text("A company has at most {count} webhooks", count=MOST_OF_A_COMPANY))
            return _existing(webhooks.find(db, webhooks.add(db, new, now)))

        return self._write(add)

    def list_(self, caller: Caller | None) -> list[Webhook]:
        """The webhooks of the caller's company, or of all companies."""
        with storage_errors(), self._store.readers.lend() as db:
            if caller is None:
                return webhooks.all_(db)
            found = webhooks.of_company(db, caller.company_id, sandbox=caller.sandbox)
        return [each for each in found if _visible(each, caller)]

    def one(self, caller: Caller | None, webhook_id: int) -> Webhook:
        """One webhook. Raises NotFoundError."""
        with storage_errors(), self._store.readers.lend() as db:
            return _owned(db, caller, webhook_id)

    def change(self, caller: Caller | None, webhook_id: int, changes: Mapping[str, Any]) -> Webhook:
        """Change `url`, `types`, `description` or `state`. Raises NotFoundError, InvalidRequestError."""
        private = caller is None or caller.admin
        box = self.one(caller, webhook_id).box
        values = checked(changes, self._way.judge, box=box, private=private)
        now = self._moment().now

        def change(db: Transaction) -> Webhook:
            webhook = _owned(db, caller, webhook_id)
            columns = dict(values)
            if "url" in columns:
                columns["private"] = private  # the rights of whoever chose this URL
            if "types" in columns:
                columns["types"] = webhooks.types_text(columns["types"])
            if "state" in columns:
                columns["paused_for"] = None
                if columns["state"] == OK and webhook.state != OK:
                    results.queue_missed(db, webhook, now)
            if columns:
                webhooks.set_columns(db, webhook_id, columns)
            return _existing(webhooks.find(db, webhook_id))

        return self._write(change)

    def remove(self, caller: Caller | None, webhook_id: int) -> Webhook:
        """Delete a webhook. What was not delivered is not delivered any more. Raises NotFoundError."""

        def remove(db: Transaction) -> Webhook:
            webhook = _owned(db, caller, webhook_id)
            webhooks.remove(db, webhook_id)
            return webhook

        return self._write(remove)

    def rotate(self, caller: Caller | None, webhook_id: int, *, revoke: bool) -> Webhook:
        """Give a webhook a new secret; the one before signs for another day.

        `revoke`: the old secret ends at once: that of an earlier rotation, else the one that is replaced. Raises
        NotFoundError, ConflictError.
        """
        secret, now = new_secret(), self._moment().now

        def rotate(db: Transaction) -> Webhook:
            webhook = _owned(db, caller, webhook_id)
            rotating = len(webhook.signing(now)) > 1
            if rotating and not revoke:
                raise ConflictError(
                    Text(
                        "The secret was changed less than a day ago, and the old one still signs; `revoke` ends it"
                    )
                )
            keeps_one = rotating or not revoke
            old = {
                "old_secret": webhook.secrets[0] if keeps_one else None,
                "old_until": now + _BOTH_SIGN if keeps_one else None,
            }
            webhooks.set_columns(db, webhook_id, {"secret": secret, **old})
            return _existing(webhooks.find(db, webhook_id))

        return self._write(rotate)

    def test(self, caller: Caller | None, webhook_id: int) -> Attempt:
        """Send a `webhook.test` event now, whatever the state; takes up to 15 s. Raises NotFoundError."""
        webhook, at = self.one(caller, webhook_id), self._moment()
        event_id = f"evt_test_{secrets.token_hex(8)}"
        body = body_of(
            {
                "id": event_id,
                "type": "webhook.test",
                "timestamp": timestamp(at.now),
                "data": {"webhook_id": webhook.id},
            }
        )
        headers = signed_headers(webhook.signing(at.now), event_id, at.now // SECOND, body)
        poster = Poster(self._way)
        try:
            return poster.post(webhook.url, headers, body, private=webhook.private)
        finally:
            poster.close()

    def deliveries(
        self, caller: Caller | None, webhook_id: int, state: str | None, limit: int, cursor: int | None
    ) -> tuple[list[ShownDelivery], int | None]:
        """A page of deliveries, newest event first, and the cursor of the next page. Raises NotFoundError."""
        with storage_errors(), self._store.lists.lend() as db:
            webhook = _owned(db, caller, webhook_id)
            found = list[ShownDelivery]()
            if state in (None, "pending"):
                position = webhook.progress.position
                found = deliveries.waiting(db, webhook.audience, webhook.types, position, cursor, limit + 1)
            if len(found) <= limit:
                found += deliveries.page(db, webhook_id, state, cursor, limit + 1 - len(found))
        return found[:limit], found[limit - 1].number if len(found) > limit else None

    def replay(
        self, caller: Caller | None, webhook_id: int, wanted: ReplayRequest, timeout_s: float = 20.0
    ) -> Queued:
        """Queue events again. Raises NotFoundError, InvalidRequestError."""
        webhook = self.one(caller, webhook_id)
        now = self._moment().now
        with storage_errors(), self._store.readers.lend() as db:
            first, last = self._range(db, webhook, wanted)
        times = (wanted.since or 0, (wanted.until or _EVER) - 1)
        everything = (wanted.only or ("all" if wanted.event_id else "missing")) == "all"
        deadline, queued = monotonic() + timeout_s, 0
        while first <= last and monotonic() < deadline:
            some = (first, min(last, first + _REPLAYED_AT_ONCE - 1) if everything else last)

            def queue(db: Transaction, some: tuple[int, int] = some) -> int:
                if not everything:
                    return deliveries.queue_failed(db, webhook_id, some, times, now)
                return deliveries.queue_all(db, webhook_id, webhook.audience, webhook.types, some, times, now)

            with storage_errors():
                queued += self._store.take(queue)
            first = some[1] + 1
        self._changed(webhook_id)
        return Queued(queued, complete=first > last)

    def changed_by_others(self, webhook_ids: Iterable[int]) -> None:
        """Webhooks were changed durably, but not by this object."""
        for webhook_id in webhook_ids:
            self._changed(webhook_id)

    def _range(self, db: Transaction, webhook: Webhook, wanted: ReplayRequest) -> tuple[int, int]:
        """The numbers of the events that a replay may queue. What is behind the position waits already."""
        position = webhook.progress.position
        if wanted.event_id is None:
            return events.oldest_id(db), position
        number = wanted.event_id.rpartition("_")[2]
        known = number.isascii() and number.isdigit() and len(number) <= 18
        if not known or event_eras.read(db).public_id(int(number)) != wanted.event_id:
            raise InvalidRequestError([Fault("event_id", Text("must be the id of an event that is kept"))])
        return int(number), min(int(number), position)

    def _write(self, work: Callable[[Transaction], Webhook]) -> Webhook:
        with storage_errors():
            webhook = self._store.write(work)
        self._changed(webhook.id)
        return webhook


def disable_of_key(db: Transaction, key_id: int, now: int) -> list[int]:
    """Disable the webhooks that a key made, because it was deactivated; their ids. Writes an event for each."""
    found = [each for each in webhooks.of_key(db, key_id) if each.state != DISABLED]
    for webhook in found:
        webhooks.set_columns(db, webhook.id, {"state": DISABLED, "paused_for": KEY_DEACTIVATED})
        results.tell_paused(db, webhook, DISABLED, KEY_DEACTIVATED, now)
    return [each.id for each in found]


def _owned(db: Transaction, caller: Caller | None, webhook_id: int) -> Webhook:
    """A webhook that the caller may see. Raises NotFoundError."""
    webhook = webhooks.find(db, webhook_id)
    if webhook is None or (caller is not None and not _visible(webhook, caller)):
        raise NotFoundError("There is no such webhook")
    return webhook


def _visible(webhook: Webhook, caller: Caller) -> bool:
    own = (webhook.company_id, webhook.sandbox) == (caller.company_id, caller.sandbox)
    return own and (caller.admin or not webhook.box)


def _existing(webhook: Webhook | None) -> Webhook:
    """A webhook that was written in the same transaction."""
    if webhook is None:
        raise NotFoundError("There is no such webhook")
    return webhook
