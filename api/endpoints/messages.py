"""GET /sms/status/{sms_id}, GET /sms/messages and POST /sms/cancel/{sms_id}: messages that were taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from api.access.authentication import caller
from api.requests.query_params import message_filter
from api.responses.serializers import attempt, listed_message, message, respond

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway
    from gatewayd.records import Caller


def endpoints(gateway: Gateway) -> Blueprint:
    """The endpoints about messages that were taken."""
    routes = Blueprint("messages", __name__)

    @routes.get("/sms/status/<sms_id>")
    def status(sms_id: str) -> Response:
        return _told(caller(gateway), sms_id)

    @routes.get("/sms/messages")
    def messages() -> Response:
        who = caller(gateway)
        found, next_cursor = gateway.messages(who, message_filter(request.args, gateway.e164))
        data = [listed_message(view) for view in found]
        return respond({"success": True, "data": data, "next_cursor": next_cursor})

    @routes.post("/sms/cancel/<sms_id>")
    def cancel(sms_id: str) -> Response:
        who = caller(gateway)
        gateway.cancel(who, sms_id)
        return _told(who, sms_id)

    def _told(who: Caller, sms_id: str) -> Response:
        view, attempts = gateway.history(who, sms_id)
        data = message(view) | {"attempts": [attempt(one) for one in attempts]}
        return respond({"success": True, "data": data})

    return routes
