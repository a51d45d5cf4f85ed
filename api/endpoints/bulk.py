"""POST /sms/send-bulk: accept many messages at once. An invalid message fails alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from api.access.authentication import authenticate
from api.documentation.operation import Answer, Body, Operation, Tag, described
from api.documentation.parameters import IDEMPOTENCY_KEY
from api.documentation.parameters import REPLAYED as REPLAYED_HEADER
from api.requests.idempotency import REPLAYED, StatusAndDocument, first_response, replay
from api.requests.json_body import request_body
from api.requests.models import BulkBody, MessageBody, Rejected, Rules, bulk_request, in_bulk
from api.responses.answers.sending import BulkAnswer, BulkRefused
from api.responses.errors import refusal, status_and_code
from api.responses.serializers import flask_response, given_back, identifiers, respond
from config.settings import ApiSettings
from gatewayd.errors import (
    ConflictError,
    GatewayError,
    IdempotencyMismatchError,
    InvalidRequestError,
    NotPermittedError,
    QueueFullError,
    QuotaExceededError,
)
from gatewayd.records import Accepted, Draft, Replay, Status

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


_FAILED = {
    "recipient": "123",
    "success": False,
    "error": "invalid_request",
    "message": "recipient: The recipient must be a mobile number",
}
_BULK = Operation(
    Tag.SENDING,
    "Send many messages",
    {
        200: Answer(
            "At least one message is stored.",
            BulkAnswer,
            {
                "one of two": {
                    "success": True,
                    "message": "Envoi terminé: 1 succès, 1 échecs",
                    "summary": {"total": 2, "success": 1, "failed": 1},
                    "results": [
                        {
                            "recipient": "+22370123456",
                            "success": True,
                            "sms_id": "9e2ad8a4-6f0b-4c43-9c1e-3a5d8e3f6b10",
                            "task_id": "17617592691708",
                            "sim_number": "+22366603716",
                            "status": "pending",
                        },
                        _FAILED,
                    ],
                }
            },
            headers=REPLAYED_HEADER,
        ),
        400: Answer(
            "The request is not valid, or no message of it was accepted.",
            BulkRefused,
            {
                "no message accepted": {
                    "success": False,
                    "message": "Request validation failed",
                    "error": "invalid_request",
                    "data": {
                        "errors": [
                            {
                                "field": "messages.0.recipient",
                                "message": "The recipient must be a mobile number",
                            }
                        ]
                    },
                    "summary": {"total": 1, "success": 0, "failed": 1},
                    "results": [_FAILED],
                }
            },
        ),
    },
    "All valid messages are stored in one transaction, and answered at once. The quota is all or nothing over them.",
    parameters=(IDEMPOTENCY_KEY,),
    body=Body(
        BulkBody,
        {
            "two messages": {
                "messages": [
                    {"recipient": "+22370123456", "message": "Message 1"},
                    {"recipient": "+22370123456", "message": "Message 2"},
                ],
                "campaign_id": 5,
            }
        },
        parts=(MessageBody,),
    ),
    errors=(NotPermittedError, QuotaExceededError, ConflictError, IdempotencyMismatchError, QueueFullError),
)


def endpoints(gateway: Gateway, settings: ApiSettings) -> Blueprint:
    """The endpoint that accepts many messages."""
    blueprint = Blueprint("bulk", __name__)
    rules = Rules(gateway.e164, settings.bulk_max, gateway.latest_send_at)

    @blueprint.post("/sms/send-bulk")
    @described(_BULK)
    def send_bulk() -> Response:
        caller = authenticate(gateway)
        raw = request_body()
        parsed = bulk_request(raw, request.path, request.headers.get("Idempotency-Key"), rules)
        messages = parsed.messages
        drafts = [message for message in messages if isinstance(message, Draft)]
        if not drafts:
            return _respond(bulk_document(messages, ()))
        accepted, replayed = gateway.submit_bulk(caller, drafts, parsed.options, parsed.idempotency)
        if replayed or isinstance(accepted, Replay):
            return _replayed(messages, accepted)
        if not any(
            isinstance(one, Accepted) for one in accepted
        ):  # nothing was stored, and no idempotency key
            return _respond(bulk_document(messages, accepted))
        return flask_response(
            first_response(gateway, caller, parsed.idempotency, lambda: bulk_document(messages, accepted))
        )

    return blueprint


def bulk_document(
    messages: Sequence[Draft | Rejected], accepted: Sequence[Accepted | GatewayError]
) -> StatusAndDocument:
    """HTTP status and document for a bulk. `accepted`: the result of each draft, in order."""
    outcomes = iter(accepted)
    results = [
        _rejected(message) if isinstance(message, Rejected) else _outcome(message, next(outcomes))
        for message in messages
    ]
    success = sum(result["success"] for result in results)
    failed = len(results) - success
    content = {
        "message": f"Envoi terminé: {success} succès, {failed} échecs",
        "summary": {"total": len(results), "success": success, "failed": failed},
        "results": results,
    }
    if success:
        return 200, {"success": True} | content
    first = refusal(_first_fault(messages, accepted))
    return first.status, first.envelope | content


def _first_fault(
    messages: Sequence[Draft | Rejected], accepted: Sequence[Accepted | GatewayError]
) -> GatewayError:
    """The error of a bulk of which nothing was accepted: that of its first message."""
    if isinstance(messages[0], Draft) and isinstance(accepted[0], GatewayError):
        return accepted[0]
    return InvalidRequestError(
        [
            in_bulk(index, fault)
            for index, message in enumerate(messages)
            if isinstance(message, Rejected)
            for fault in message.faults
        ]
    )


def _outcome(draft: Draft, accepted: Accepted | GatewayError) -> dict[str, Any]:
    if isinstance(accepted, GatewayError):
        return _failure(draft.recipient, type(accepted), str(accepted)) | given_back(draft.reference)
    return {
        "recipient": draft.recipient,
        "success": True,
        **identifiers(accepted),
        "status": Status.PENDING.value,
        **given_back(draft.reference),
    }


def _rejected(message: Rejected) -> dict[str, Any]:
    faults = "; ".join(f"{fault.field}: {fault.message}".removeprefix(": ") for fault in message.faults)
    return _failure(message.recipient, InvalidRequestError, faults)


def _failure(recipient: str, kind: type[GatewayError], message: str) -> dict[str, Any]:
    return {"recipient": recipient, "success": False, "error": status_and_code(kind)[1], "message": message}


def _replayed(
    messages: Sequence[Draft | Rejected], first: Replay | Sequence[Accepted | GatewayError]
) -> Response:
    if isinstance(first, Replay):
        return flask_response(replay(first))
    return _respond(bulk_document(messages, first), REPLAYED)


def _respond(answer: StatusAndDocument, headers: Mapping[str, str] | None = None) -> Response:
    status, content = answer
    return respond(content, status, headers)
