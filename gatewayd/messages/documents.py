"""Messages and texts as documents: what HTTP answers, events and webhooks say of them."""

from __future__ import annotations

from typing import Any, overload

from gatewayd.records import InboxRecord, MessageRecord, Status
from gatewayd.timekeeping.clock import iso

_LABELS = {status: status.value.capitalize() for status in Status}


@overload
def timestamp(microseconds: int) -> str: ...
@overload
def timestamp(microseconds: int | None) -> str | None: ...
def timestamp(microseconds: int | None) -> str | None:
    """Microseconds since the epoch as ISO 8601 in UTC, with six decimals and `Z`."""
    return None if microseconds is None else iso(microseconds)


def message_document(record: MessageRecord) -> dict[str, Any]:
    """A message, as the status endpoint and lists give it."""
    return {
        "sms_id": record.sms_id,
        "recipient": record.recipient,
        "sender": record.sim_number,
        "message": record.text,
        "status": record.status.value,
        "status_label": _LABELS[record.status],
        "sent_at": timestamp(record.sent_at),
        "delivered_at": timestamp(record.delivered_at),
        "failed_at": timestamp(record.failed_at),
        "failure_reason": record.failure_reason,
        "cost": record.cost,
        "retry_count": record.retry_count,
        "sim_number": record.sim_number,
        "in_doubt": record.in_doubt,
        "campaign_id": record.campaign_id,
        "reference": record.reference,
        "parts": record.parts,
        "created_at": timestamp(record.created_at),
        "send_at": timestamp(record.send_at),
        "expires_at": timestamp(record.expires_at),
        "sandbox": record.sandbox,
    }


def text_document(record: InboxRecord) -> dict[str, Any]:
    """A text that came in, as the inbox gives it."""
    return {
        "id": record.id,
        "sender": record.sender,
        "message": record.text,
        "received_at": timestamp(record.received_at),
        "sent_at": timestamp(record.sent_at),
        "sim_number": record.sim_number,
        "sim_number_id": record.sim_id,
        "incomplete": record.incomplete,
        "kind": record.kind,
        "encoding": record.encoding,
        "port_number": record.port_number,
        "read": record.read,
    }
