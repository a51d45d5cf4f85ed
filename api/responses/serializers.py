"""Answers: what the gateway tells as the JSON that the guide promised, and how it is put into a response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response

from api.responses.errors import Refusal
from api.responses.json_format import document, timestamp
from api.responses.response import MIME, Reply, refused
from gatewayd.records import AttemptRecord, LoopTestRecord, MessageRecord, QuotaRecord, SimRecord, Status
from modem.driver.ussd import UssdAnswer
from modem.port.status import Answer

_LABELS = {status: status.value.capitalize() for status in Status}


def respond(
    content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A response with a JSON document."""
    return respond_with(Reply(status, document(content), headers))


def respond_with(reply: Reply) -> Response:
    """A response with what was made up already."""
    return Response(reply.body.encode(), reply.status, reply.headers, mimetype=MIME)


def refuse(refusal: Refusal) -> Response:
    """The response that tells a refusal."""
    return respond_with(refused(refusal))


def message(view: MessageRecord) -> dict[str, Any]:
    """`data` of the status endpoint."""
    return {
        "sms_id": view.sms_id,
        "recipient": view.recipient,
        "sender": view.sim_number,
        "message": view.text,
        "status": view.status.value,
        "status_label": _LABELS[view.status],
        "sent_at": timestamp(view.sent_at),
        "delivered_at": timestamp(view.delivered_at),
        "failed_at": timestamp(view.failed_at),
        "failure_reason": view.failure_reason,
        "cost": view.cost,
        "retry_count": view.retry_count,
        "sim_number": view.sim_number,
        "in_doubt": view.in_doubt,
        "campaign_id": view.campaign_id,
    }


def attempt(view: AttemptRecord) -> dict[str, Any]:
    """One attempt of a message."""
    return {
        "part": view.part,
        "at": timestamp(view.at),
        "sim_number_id": view.sim_id,
        "sim_number": view.sim_number,
        "port": view.port,
        "outcome": view.outcome,
        "code": view.code,
        "meaning": view.meaning,
        "meaning_fr": view.meaning_fr,
    }


def listed_message(view: MessageRecord) -> dict[str, Any]:
    """One message of the list."""
    return message(view) | {"created_at": timestamp(view.created_at)}


def sims(assigned: SimRecord | None, available: Sequence[SimRecord]) -> dict[str, Any]:
    """`data` of the list of SIMs."""
    return {
        "assigned_sim": None
        if assigned is None
        else _sim(assigned) | {"can_send_sms": assigned.can_send_sms},
        "available_sims": [_available_sim(sim) for sim in available],
        "total_available": len(available),
    }


def quota(view: QuotaRecord) -> dict[str, Any]:
    """`data` of the quota."""
    return {
        "total_quota": view.total,
        "sent_this_month": view.used,
        "remaining": view.remaining,
        "usage_percentage": view.usage_percentage,
        "resets_at": timestamp(view.resets_at),
    }


def ussd(answer: UssdAnswer) -> dict[str, Any]:
    """`data` of a USSD session."""
    return {
        "port": answer.port,
        "slot": answer.slot,
        "answer": answer.text,
        "session": answer.session.value,
        "answers": [reply.text for reply in answer.replies],
        "replies_unsaid": answer.unsaid,
    }


def loop_test(view: LoopTestRecord) -> dict[str, Any]:
    """One text of a loop test."""
    return {
        "from": f"{view.from_port}.{view.from_slot}",
        "from_sim": view.from_sim,
        "to": f"{view.to_port}.{view.to_slot}",
        "to_sim": view.to_sim,
        "started_at": timestamp(view.started_at),
        "outcome": view.outcome,
        "arrived": view.arrived,
        "submit_s": view.submit_s,
        "arrive_s": view.arrive_s,
        "report_s": view.report_s,
        "sms_id": view.sms_id,
        "reason": view.reason,
        "detail": view.detail,
        "detail_fr": view.detail_fr,
    }


def port(answer: Answer) -> dict[str, Any]:
    """What one modem said when it was asked."""
    return {"port": answer.port, "ok": answer.ok, "busy": answer.busy, "detail": answer.detail}


def _sim(view: SimRecord) -> dict[str, Any]:
    return {"id": view.id, "number": view.number, "name": view.name, "operator": view.operator}


def _available_sim(view: SimRecord) -> dict[str, Any]:
    return _sim(view) | {
        "port": view.port,
        "slot": view.slot,
        "is_default": view.is_default,
        "balance": int(view.balance)
        if view.balance.is_integer()
        else view.balance,  # the guide prints 0, not 0.0
        "daily_limit": view.daily_limit,
        "monthly_limit": view.monthly_limit,
        "usage_stats": {
            "today_sent": view.today_sent,
            "today_failed": view.today_failed,
            "this_month_sent": view.this_month_sent,
        },
        "can_send_sms": view.can_send_sms,
        "assigned_to": view.assigned_to,
        "balance_at": timestamp(view.balance_at),  # beyond the guide
    }
