"""Webhooks and their deliveries as documents: what HTTP and the command line answer."""

from __future__ import annotations

from typing import Any, Final

from gatewayd.messages.documents import timestamp
from gatewayd.store.tables.deliveries import ShownDelivery
from gatewayd.store.tables.webhooks import Webhook
from gatewayd.webhooks.poster import Attempt

_SHOWN_CHARACTERS: Final = 1000


def webhook_document(webhook: Webhook) -> dict[str, Any]:
    """A webhook without its secrets."""
    progress = webhook.progress
    return {
        "id": webhook.id,
        "url": webhook.url,
        "types": None if webhook.types is None else sorted(each.value for each in webhook.types),
        "description": webhook.description,
        "scope": "box" if webhook.box else "company",
        "state": webhook.state,
        "reason": webhook.paused_for,
        "sandbox": webhook.sandbox,
        "created_at": timestamp(webhook.created_at),
        "last_success_at": timestamp(progress.last_success_at),
        "last_failure_at": timestamp(progress.last_failure_at),
        "failing_since": timestamp(progress.failing_since),
        "old_secret_until": timestamp(webhook.old_until),
    }


def delivery_document(shown: ShownDelivery) -> dict[str, Any]:
    """A delivery with its event, without the event's data."""
    delivery = shown.delivery
    return {
        "event": {"id": shown.event_id, "type": shown.type.value, "timestamp": timestamp(shown.at)},
        "status": "pending" if delivery is None else delivery.state,
        "attempts": [
            {
                "at": timestamp(each.at),
                "status_code": each.status_code,
                "duration_ms": each.duration_ms,
                "error": each.error,
            }
            for each in (() if delivery is None else delivery.attempts)
        ],
        "next_attempt_at": None if delivery is None else timestamp(delivery.next_at),
    }


def attempt_document(attempt: Attempt, *, with_response: bool) -> dict[str, Any]:
    """The result of a test. `with_response`: with the beginning of the receiver's answer, for administrators."""
    response = None
    if with_response and attempt.status_code is not None:
        response = attempt.response.decode("utf-8", "replace")[:_SHOWN_CHARACTERS]
    return {
        "status_code": attempt.status_code,
        "duration_ms": attempt.duration_ms,
        "error": attempt.error,
        "response": response,
    }
