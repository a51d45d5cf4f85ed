"""GET /sms/status/{sms_id}, GET /sms/messages and POST /sms/cancel/{sms_id}: accepted messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from api.access.authentication import authenticate
from api.requests.query_params import message_filter
from api.responses.serializers import attempt, message, respond, success

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway
    from gatewayd.records import Caller


def endpoints(gateway: Gateway) -> Blueprint:
    """The endpoints for accepted messages."""
    blueprint = Blueprint("messages", __name__)

    @blueprint.get("/sms/status/<sms_id>")
    def status(sms_id: str) -> Response:
        return _status_response(authenticate(gateway), sms_id)

    @blueprint.get("/sms/messages")
    def messages() -> Response:
        caller = authenticate(gateway)
        records, next_cursor = gateway.messages(caller, message_filter(request.args, gateway.e164))
        data = [message(record) for record in records]
        return respond({"success": True, "data": data, "next_cursor": next_cursor})

    @blueprint.post("/sms/cancel/<sms_id>")
    def cancel(sms_id: str) -> Response:
        caller = authenticate(gateway)
        gateway.cancel(caller, sms_id)
        return _status_response(caller, sms_id)

    def _status_response(caller: Caller, sms_id: str) -> Response:
        record, attempts = gateway.history(caller, sms_id)
        data = message(record) | {"attempts": [attempt(one) for one in attempts]}
        return respond(success(data))

    return blueprint
