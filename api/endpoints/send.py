"""POST /sms/send: accept one message, and wait a while for the modem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from api.access.authentication import authenticate
from api.documentation.operation import Answer, Body, Operation, Tag, described
from api.documentation.parameters import IDEMPOTENCY_KEY, PREFER, SMS_ID_OF_ANSWER
from api.documentation.parameters import REPLAYED as REPLAYED_HEADER
from api.requests.headers import Preferences, preferences
from api.requests.idempotency import REPLAYED, StatusAndDocument, first_response, replay
from api.requests.json_body import request_body
from api.requests.models import Rules, SendBody, send_request
from api.responses.answers.sending import SendAnswer, SendFailed
from api.responses.errors import Refusal
from api.responses.json_format import document
from api.responses.response import JsonResponse
from api.responses.serializers import flask_response, given_back, identifiers, success
from api.server.wait_limit import WaitLimit
from config.settings import ApiSettings
from gatewayd.errors import (
    ConflictError,
    IdempotencyMismatchError,
    NotPermittedError,
    OptedOutError,
    QueueFullError,
    QuotaExceededError,
    SimUnavailableError,
)
from gatewayd.records import MessageRecord, Replay, Status

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


_IDS = {
    "sms_id": "9e2ad8a4-6f0b-4c43-9c1e-3a5d8e3f6b10",
    "task_id": "17617592691708",
    "sim_number": "+22366603716",
    "recipient": "+22370123456",
}
_SEND = Operation(
    Tag.SENDING,
    "Send one message",
    {
        200: Answer(
            "The message is stored. The answer tells its status.",
            SendAnswer,
            {
                "sent": {
                    "success": True,
                    "message": "SMS envoyé avec succès",
                    "data": {**_IDS, "status": "sent"},
                },
                "pending": {
                    "success": True,
                    "message": "SMS mis en file d'attente",
                    "data": {**_IDS, "status": "pending"},
                },
            },
            headers={**REPLAYED_HEADER, "Preference-Applied": "The parts of `Prefer` that were followed."},
            links={
                "get_sms_status_by_sms_id": SMS_ID_OF_ANSWER,
                "post_sms_cancel_by_sms_id": SMS_ID_OF_ANSWER,
            },
        ),
        500: Answer(
            "The message was refused for good while the client waited, or a fault of the gateway.",
            SendFailed,
            {
                "send failed": {
                    "success": False,
                    "message": "The message could not be sent",
                    "error": "send_failed",
                    "data": {
                        **_IDS,
                        "status": "failed",
                        "failure_reason": "The number is not assigned. / Le numéro n'est pas attribué.",
                    },
                }
            },
            headers=REPLAYED_HEADER,
        ),
    },
    "The message is on the disk before the answer. The request waits for the modem for `api.send_wait_s` seconds, or as `Prefer` says.",
    parameters=(PREFER, IDEMPOTENCY_KEY),
    body=Body(
        SendBody,
        {
            "a message": {"recipient": "+22370123456", "message": "Bonjour"},
            "a one-time code": {
                "recipient": "+22370123456",
                "message": "Votre code : 482913",
                "priority": "otp",
                "expires_in_s": 300,
                "campaign_id": 31,
            },
            "a reminder": {
                "recipient": "+22370123456",
                "message": "Rendez-vous demain",
                "send_at": "2025-10-30T08:00:00Z",
                "reference": "appointment-77",
            },
        },
    ),
    errors=(
        NotPermittedError,
        OptedOutError,
        QuotaExceededError,
        SimUnavailableError,
        ConflictError,
        IdempotencyMismatchError,
        QueueFullError,
    ),
)


def endpoints(gateway: Gateway, settings: ApiSettings, waiting: WaitLimit) -> Blueprint:
    """The endpoint that accepts one message. `waiting`: for requests of every kind that wait."""
    blueprint = Blueprint("send", __name__)
    rules = Rules(gateway.e164, settings.bulk_max, gateway.latest_send_at)
    # A send that waits holds a thread of the server: half of the threads stay free for all other requests.
    wait_limit = WaitLimit(settings.threads // 2, waiting)

    @blueprint.post("/sms/send")
    @described(_SEND)
    def send() -> Response:
        caller = authenticate(gateway)
        raw = request_body()
        parsed = send_request(raw, request.path, request.headers.get("Idempotency-Key"), rules)
        prefer = preferences(request.headers.get("Prefer", ""))
        wait_s = _wait_s(prefer, settings)
        with wait_limit.acquire(wanted=wait_s > 0) as may_wait:
            result, replayed = gateway.submit(
                caller, parsed.draft, parsed.options, parsed.idempotency, wait_s if may_wait else 0.0
            )
        if replayed or isinstance(result, Replay):
            return flask_response(_replayed(result))
        headers = _applied(prefer, wait_s, honoured=may_wait or wait_s == 0)
        return flask_response(
            first_response(gateway, caller, parsed.idempotency, lambda: send_document(result), headers)
        )

    return blueprint


def send_document(record: MessageRecord) -> StatusAndDocument:
    """HTTP status and document for the present state of a message."""
    data = identifiers(record) | {"recipient": record.recipient} | given_back(record.reference)
    if record.sent_at is not None:  # also true after a report
        return 200, success(data | {"status": "sent"}, "SMS envoyé avec succès")
    match record.status:
        case Status.FAILED:
            data |= {"status": "failed", "failure_reason": record.failure_reason}
            return 500, Refusal(500, "send_failed", "The message could not be sent", data).envelope
        case Status.CANCELLED:
            return 200, success(data | {"status": "cancelled"}, "SMS annulé")
        case _:
            return 200, success(data | {"status": "pending"}, "SMS mis en file d'attente")


def _replayed(first: Replay | MessageRecord) -> JsonResponse:
    if isinstance(first, Replay):
        return replay(first)
    status, content = send_document(first)
    return JsonResponse(status, document(content), REPLAYED)


def _wait_s(prefer: Preferences, settings: ApiSettings) -> float:
    if prefer.wait_s is not None:  # with respond-async too: RFC 7240, 4.3
        return min(prefer.wait_s, settings.send_wait_max_s)
    return 0 if prefer.respond_async else settings.send_wait_s


def _applied(prefer: Preferences, wait_s: float, *, honoured: bool) -> dict[str, str]:
    applied = ["respond-async"] if prefer.respond_async else []
    if prefer.wait_s is not None and honoured:
        applied.append(f"wait={wait_s:g}")
    return {"Preference-Applied": ", ".join(applied)} if applied else {}
