"""Stores the results of deliveries, some at a time: one transaction for each group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gatewayd.records import EventType
from gatewayd.store import Transaction
from gatewayd.store.tables import deliveries, events, webhooks
from gatewayd.store.tables.deliveries import Delivery
from gatewayd.store.tables.webhooks import Webhook
from gatewayd.webhooks.states import PAUSED, Health


@dataclass(frozen=True, slots=True)
class Result:
    """A delivery after an attempt. `body`: the bytes of a failed first attempt, None where they are stored or not needed."""

    number: int
    delivery: Delivery | None  # None: its event was deleted, so it is dropped
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Results of one webhook, its state before them and its health after them."""

    results: Sequence[Result]
    before: str
    health: Health


def store_batch(db: Transaction, webhook_id: int, batch: Batch, now: int) -> Webhook | None:
    """Store a batch. Returns the webhook as it is then; None: it was deleted.

    A state that a person has changed meanwhile stays.
    """
    webhook = webhooks.find(db, webhook_id)
    if webhook is None:
        return None
    for result in batch.results:
        _store(db, webhook_id, result)
    health = batch.health
    if webhook.state == batch.before:
        _change_state(db, webhook, health, now)
    else:
        health = replace(
            health,
            progress=replace(
                webhook.progress,
                position=max(webhook.progress.position, health.progress.position),
                last_failure_at=health.progress.last_failure_at,
                last_success_at=health.progress.last_success_at,
            ),
        )
        webhooks.set_progress(db, webhook_id, health.progress)
    return webhooks.find(db, webhook_id)


def tell_paused(db: Transaction, webhook: Webhook, state: str, reason: str, now: int) -> None:
    """Write the event that a webhook was paused or disabled, for its company or the box."""
    data = {"webhook_id": webhook.id, "state": state, "reason": reason}
    company = None if webhook.box else webhook.company_id
    events.write(db, EventType.WEBHOOK_PAUSED, company, now, data=data, sandbox=webhook.sandbox)


def queue_missed(db: Transaction, webhook: Webhook, now: int) -> None:
    """Queue what a webhook missed while it was paused or disabled. It is sent slowly."""
    progress = webhook.progress
    if progress.missed_from is not None:
        deliveries.queue_missed(db, webhook.id, progress.missed_from, now)
    webhooks.set_progress(
        db,
        webhook.id,
        replace(progress, failing_since=None, missed_from=None, catch_up_to=events.last_id(db)),
    )


def _store(db: Transaction, webhook_id: int, result: Result) -> None:
    if result.delivery is None:
        deliveries.drop(db, webhook_id, result.number)
        return
    deliveries.keep(db, webhook_id, result.delivery)
    if result.body is not None:
        deliveries.keep_body(db, webhook_id, result.number, result.body)
    elif result.delivery.state == "delivered" and len(result.delivery.attempts) > 1:
        deliveries.drop_body(db, webhook_id, result.number)


def _change_state(db: Transaction, webhook: Webhook, health: Health, now: int) -> None:
    webhooks.set_progress(db, webhook.id, health.progress)
    if health.state == webhook.state:
        return
    webhooks.set_columns(db, webhook.id, {"state": health.state, "paused_for": health.paused_for})
    if health.state == PAUSED:
        tell_paused(db, webhook, PAUSED, health.paused_for or "", now)
    elif webhook.state == PAUSED:
        missed = replace(health.progress, missed_from=webhook.progress.missed_from)
        queue_missed(db, replace(webhook, progress=missed), now)
