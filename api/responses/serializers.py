"""From the gateway's records to the JSON of the contract, and to Flask's responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response

from api.responses.errors import Refusal
from api.responses.flask_response import ApiResponse
from api.responses.json_format import document, timestamp
from api.responses.response import JsonResponse, error_response
from gatewayd.accounts.quotas import quota_document
from gatewayd.messages.documents import message_document, text_document
from gatewayd.records import (
    Accepted,
    AttemptRecord,
    CampaignRecord,
    InboxRecord,
    LoopTestRecord,
    MessageRecord,
    QuotaRecord,
    SimRecord,
)
from modem.driver.ussd import UssdAnswer
from modem.port.status import Answer


def respond(
    content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Flask's response with a JSON document."""
    return flask_response(JsonResponse(status, document(content), headers))


def flask_response(reply: JsonResponse) -> Response:
    """Flask's response from a prepared one."""
    return ApiResponse(reply)


def respond_error(refusal: Refusal) -> Response:
    """Flask's response for a refusal."""
    return flask_response(error_response(refusal))


def success(data: object, message: str | None = None) -> dict[str, Any]:
    """The envelope of a success."""
    return {"success": True} | ({} if message is None else {"message": message}) | {"data": data}


def identifiers(record: MessageRecord | Accepted) -> dict[str, Any]:
    """The ids of an accepted message and the number of its SIM."""
    return {"sms_id": record.sms_id, "task_id": record.task_id, "sim_number": record.sim_number}


def given_back(reference: str | None) -> dict[str, Any]:
    """The client's own id of a message, in the answers to requests that named one."""
    return {} if reference is None else {"reference": reference}


def message(record: MessageRecord) -> dict[str, Any]:
    """`data` of the status endpoint."""
    return message_document(record)


def campaign(record: CampaignRecord) -> dict[str, Any]:
    """`data` of a campaign."""
    return {
        "campaign_id": record.campaign_id,
        "total": record.total,
        **{status.value: count for status, count in record.counts.items()},
        "parts": record.parts,
        "cost": record.cost,
        "first_at": timestamp(record.first_at),
        "last_at": timestamp(record.last_at),
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


def text(record: InboxRecord) -> dict[str, Any]:
    """One received text of the inbox."""
    return text_document(record)


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
    return quota_document(record)


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
        "balance_at": timestamp(record.balance_at),  # beyond the guide, as what follows
        "bundle_units": record.bundle_units,
        "bundle_end": timestamp(record.bundle_end),
        **({} if record.box is None else {"box": record.box}),
    }
