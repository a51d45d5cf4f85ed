"""POST /sms/send-bulk: accept many messages at once. An invalid message fails alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from api.access.authentication import authenticate
from api.requests.idempotency import REPLAYED, StatusAndDocument, first_response, replay
from api.requests.json_body import body
from api.requests.models import Rejected, Rules, bulk_request, in_bulk
from api.responses.errors import refusal, status_and_code
from api.responses.serializers import flask_response, given_back, identifiers, respond
from config.settings import ApiSettings
from gatewayd.errors import GatewayError, InvalidRequestError
from gatewayd.records import Accepted, Draft, Replay, Status

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


def endpoints(gateway: Gateway, settings: ApiSettings) -> Blueprint:
    """The endpoint that accepts many messages."""
    blueprint = Blueprint("bulk", __name__)
    rules = Rules(gateway.e164, settings.bulk_max, gateway.latest_send_at)

    @blueprint.post("/sms/send-bulk")
    def send_bulk() -> Response:
        caller = authenticate(gateway)
        raw = body(request.environ, partial(request.get_data, cache=False))
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
