"""POST /sms/send-bulk: many messages are taken at once; one that is not valid fails alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from api.access.authentication import caller
from api.requests.idempotency import REPLAYED, Answer, first_answer, replay
from api.requests.json_body import body
from api.requests.models import Rejected, Rules, bulk_request, placed
from api.responses.errors import refusal, status_and_code
from api.responses.serializers import respond, respond_with
from config.settings import ApiSettings
from gatewayd.errors import GatewayError, InvalidRequestError, SimUnavailableError
from gatewayd.records import Accepted, Draft, Replay, Status

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


def endpoints(gateway: Gateway, settings: ApiSettings) -> Blueprint:
    """The endpoint that takes many messages."""
    routes = Blueprint("bulk", __name__)
    rules = Rules(gateway.e164, settings.bulk_max)

    @routes.post("/sms/send-bulk")
    def send_bulk() -> Response:
        who = caller(gateway)
        raw = body(request.environ, partial(request.get_data, cache=False))
        asked = bulk_request(raw, request.path, request.headers.get("Idempotency-Key"), rules)
        messages = asked.messages
        drafts = [message for message in messages if isinstance(message, Draft)]
        if not drafts:
            return _respond(bulk_answer(messages, ()))
        taken, replayed = gateway.submit_bulk(who, drafts, asked.options, asked.idempotency)
        if replayed or isinstance(taken, Replay):
            return _replayed(messages, taken)
        if not any(taken):  # nothing was kept, the key neither
            return _respond(bulk_answer(messages, taken))
        return respond_with(
            first_answer(gateway, who, asked.idempotency, lambda: bulk_answer(messages, taken))
        )

    return routes


def bulk_answer(messages: Sequence[Draft | Rejected], taken: Sequence[Accepted | None]) -> Answer:
    """What became of each message of a bulk, as status and document. `taken`: one for each draft, in order."""
    outcomes = iter(taken)
    results = [
        _rejected(message) if isinstance(message, Rejected) else _outcome(message, next(outcomes, None))
        for message in messages
    ]
    success = sum(result["success"] for result in results)
    failed = len(results) - success
    told = {
        "message": f"Envoi terminé: {success} succès, {failed} échecs",
        "summary": {"total": len(results), "success": success, "failed": failed},
        "results": results,
    }
    if success:
        return 200, {"success": True} | told
    first = refusal(_first_fault(messages))
    return first.status, first.envelope | told


def _first_fault(messages: Sequence[Draft | Rejected]) -> GatewayError:
    """Why nothing was taken of a bulk, by its first message."""
    if isinstance(messages[0], Draft):
        return SimUnavailableError()
    return InvalidRequestError(
        [
            placed(index, fault)
            for index, message in enumerate(messages)
            if isinstance(message, Rejected)
            for fault in message.faults
        ]
    )


def _outcome(draft: Draft, accepted: Accepted | None) -> dict[str, Any]:
    if accepted is None:
        return _failure(draft.recipient, SimUnavailableError, str(SimUnavailableError()))
    return {
        "recipient": draft.recipient,
        "success": True,
        "sms_id": accepted.sms_id,
        "task_id": accepted.task_id,
        "sim_number": accepted.sim_number,
        "status": Status.PENDING.value,
    }


def _rejected(message: Rejected) -> dict[str, Any]:
    faults = "; ".join(f"{fault.field}: {fault.message}".removeprefix(": ") for fault in message.faults)
    return _failure(message.recipient, InvalidRequestError, faults)


def _failure(recipient: str, kind: type[GatewayError], message: str) -> dict[str, Any]:
    return {"recipient": recipient, "success": False, "error": status_and_code(kind)[1], "message": message}


def _replayed(messages: Sequence[Draft | Rejected], known: Replay | Sequence[Accepted | None]) -> Response:
    if isinstance(known, Replay):
        return respond_with(replay(known))
    return _respond(bulk_answer(messages, known), REPLAYED)


def _respond(answer: Answer, headers: Mapping[str, str] | None = None) -> Response:
    status, content = answer
    return respond(content, status, headers)
