"""Events as documents: what `GET /events` answers and webhooks send."""

from __future__ import annotations

from typing import Any

from gatewayd.messages.documents import message_document, text_document, timestamp
from gatewayd.records import EventRecord


def event_document(event: EventRecord) -> dict[str, Any]:
    """An event: its id, its type, its time, and what happened."""
    return {"id": event.id, "type": event.type.value, "timestamp": timestamp(event.at), "data": _data(event)}


def _data(event: EventRecord) -> dict[str, Any]:
    if event.message is not None:
        return message_document(event.message) | {"sequence": event.sequence}
    if event.text is not None:
        return text_document(event.text)
    return dict(event.data)
