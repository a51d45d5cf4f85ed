"""From the gateway's records to the JSON of the contract, and to Flask's responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response

from api.responses.errors import Refusal
from api.responses.json_format import MIME, document, timestamp
from api.responses.response import JsonResponse, error_response
from gatewayd.records import (
    Accepted,
    AttemptRecord,
    LoopTestRecord,
    MessageRecord,
    QuotaRecord,
    SimRecord,
    Status,
)
from modem.driver.ussd import UssdAnswer
from modem.port.status import Answer

_LABELS = {status: status.value.capitalize() for status in Status}


def respond(
    content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Flask's response with a JSON document."""
    return flask_response(JsonResponse(status, document(content), headers))


def flask_response(reply: JsonResponse) -> Response:
    """Flask's response from a prepared one."""
    return Response(reply.body.encode(), reply.status, reply.headers, mimetype=MIME)


def respond_error(refusal: Refusal) -> Response:
    """Flask's response for a refusal."""
    return flask_response(error_response(refusal))


def success(data: object, message: str | None = None) -> dict[str, Any]:
    """The envelope of a success."""
    return {"success": True} | ({} if message is None else {"message": message}) | {"data": data}


def identifiers(record: MessageRecord | Accepted) -> dict[str, Any]:
    """The ids of an accepted message and the number of its SIM."""
    return {"sms_id": record.sms_id, "task_id": record.task_id, "sim_number": record.sim_number}


def message(record: MessageRecord) -> dict[str, Any]:
    """`data` of the status endpoint."""
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


def attempt(record: AttemptRecord) -> dict[str, Any]:
    """One attempt of a message."""
    return {
        "part": record.part,
        "at": timestamp(record.at),
        "sim_number_id": record.sim_id,
        "sim_number": record.sim_number,
        "port": record.port,
        "outcome": record.outcome,
        "code": record.code,
        "meaning": record.meaning,
        "meaning_fr": record.meaning_fr,
    }


def sims(assigned: SimRecord | None, available: Sequence[SimRecord]) -> dict[str, Any]:
    """`data` of the list of SIMs."""
    return {
        "assigned_sim": None
        if assigned is None
        else _sim(assigned) | {"can_send_sms": assigned.can_send_sms},
        "available_sims": [_available_sim(sim) for sim in available],
        "total_available": len(available),
    }


def quota(record: QuotaRecord) -> dict[str, Any]:
    """`data` of the quota."""
    return {
        "total_quota": record.total,
        "sent_this_month": record.used,
        "remaining": record.remaining,
        "usage_percentage": record.usage_percentage,
        "resets_at": timestamp(record.resets_at),
    }


def ussd(answer: UssdAnswer) -> dict[str, Any]:
    """`data` of a USSD answer."""
    return {
        "port": answer.port,
        "slot": answer.slot,
        "answer": answer.text,
        "session": answer.session.value,
        "answers": [reply.text for reply in answer.replies],
        "replies_unsaid": answer.unsaid,
    }


def loop_test(record: LoopTestRecord) -> dict[str, Any]:
    """One test message of a loop test."""
    return {
        "from": f"{record.from_port}.{record.from_slot}",
        "from_sim": record.from_sim,
        "to": f"{record.to_port}.{record.to_slot}",
        "to_sim": record.to_sim,
        "started_at": timestamp(record.started_at),
        "outcome": record.outcome,
        "arrived": record.arrived,
        "submit_s": record.submit_s,
        "arrive_s": record.arrive_s,
        "report_s": record.report_s,
        "sms_id": record.sms_id,
        "reason": record.reason,
        "detail": record.detail,
        "detail_fr": record.detail_fr,
    }


def port(answer: Answer) -> dict[str, Any]:
    """The result of the connection test on one port."""
    return {"port": answer.port, "ok": answer.ok, "busy": answer.busy, "detail": answer.detail}


def _sim(record: SimRecord) -> dict[str, Any]:
    return {"id": record.id, "number": record.number, "name": record.name, "operator": record.operator}


def _available_sim(record: SimRecord) -> dict[str, Any]:
    return _sim(record) | {
        "port": record.port,
        "slot": record.slot,
        "is_default": record.is_default,
        "balance": int(record.balance)
        if record.balance.is_integer()
        else record.balance,  # the guide has 0, not 0.0
        "daily_limit": record.daily_limit,
        "monthly_limit": record.monthly_limit,
        "usage_stats": {
            "today_sent": record.today_sent,
            "today_failed": record.today_failed,
            "this_month_sent": record.this_month_sent,
        },
        "can_send_sms": record.can_send_sms,
        "assigned_to": record.assigned_to,
        "balance_at": timestamp(record.balance_at),  # beyond the guide
    }
