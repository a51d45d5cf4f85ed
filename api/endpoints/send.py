"""POST /sms/send: one message is taken, and its client waits a while for the modem."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from api.access.authentication import caller
from api.requests.headers import Preferences, preferences
from api.requests.idempotency import REPLAYED, Answer, first_answer, replay
from api.requests.json_body import body
from api.requests.models import Rules, send_request
from api.responses.errors import Refusal
from api.responses.json_format import document
from api.responses.response import Reply
from api.responses.serializers import respond_with
from api.server.waiting_places import WaitingPlaces
from config.settings import ApiSettings
from gatewayd.records import MessageRecord, Replay, Status

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


def endpoints(gateway: Gateway, settings: ApiSettings) -> Blueprint:
    """The endpoint that accepts one message."""
    routes = Blueprint("send", __name__)
    rules = Rules(gateway.e164, settings.bulk_max)
    # A send that waits holds a thread of the server: half of the threads stay free for all other requests.
    places = WaitingPlaces(settings.threads // 2)

    @routes.post("/sms/send")
    def send() -> Response:
        who = caller(gateway)
        raw = body(request.environ, partial(request.get_data, cache=False))
        asked = send_request(raw, request.path, request.headers.get("Idempotency-Key"), rules)
        wanted = preferences(request.headers.get("Prefer", ""))
        wait_s = _wait_s(wanted, settings)
        with places.one(wanted=wait_s > 0) as has_place:
            result, replayed = gateway.submit(
                who, asked.draft, asked.options, asked.idempotency, wait_s if has_place else 0.0
            )
        if replayed or isinstance(result, Replay):
            return respond_with(_replayed(result))
        headers = _applied(wanted, wait_s, honoured=has_place or wait_s == 0)
        return respond_with(
            first_answer(gateway, who, asked.idempotency, lambda: send_answer(result), headers)
        )

    return routes


def send_answer(view: MessageRecord) -> Answer:
    """What has happened to a message by now, as status and document."""
    data: dict[str, Any] = {
        "sms_id": view.sms_id,
        "task_id": view.task_id,
        "sim_number": view.sim_number,
        "recipient": view.recipient,
    }
    if view.sent_at is not None:  # also where a report has come already
        return 200, _success("SMS envoyé avec succès", data | {"status": "sent"})
    match view.status:
        case Status.FAILED:
            data |= {"status": "failed", "failure_reason": view.failure_reason}
            return 500, Refusal(500, "send_failed", "The message could not be sent", data).envelope
        case Status.CANCELLED:
            return 200, _success("SMS annulé", data | {"status": "cancelled"})
        case _:
            return 200, _success("SMS mis en file d'attente", data | {"status": "pending"})


def _success(message: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"success": True, "message": message, "data": data}


def _replayed(known: Replay | MessageRecord) -> Reply:
    if isinstance(known, Replay):
        return replay(known)
    status, content = send_answer(known)
    return Reply(status, document(content), REPLAYED)


def _wait_s(wanted: Preferences, settings: ApiSettings) -> float:
    if wanted.wait_s is not None:  # with respond-async too: RFC 7240, 4.3
        return min(wanted.wait_s, settings.send_wait_max_s)
    return 0 if wanted.respond_async else settings.send_wait_s


def _applied(wanted: Preferences, wait_s: float, *, honoured: bool) -> dict[str, str]:
    applied = ["respond-async"] if wanted.respond_async else []
    if wanted.wait_s is not None and honoured:
        applied.append(f"wait={wait_s:g}")
    return {"Preference-Applied": ", ".join(applied)} if applied else {}
