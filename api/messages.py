"""GET /sms/status/{sms_id}, GET /sms/messages and POST /sms/cancel/{sms_id}: messages that were taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from api.answers import listed_message, message, respond
from api.auth import caller
from api.queries import message_filter

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


def endpoints(gateway: Gateway) -> Blueprint:
    """The endpoints about messages that were taken."""
    routes = Blueprint("messages", __name__)

    @routes.get("/sms/status/<sms_id>")
    def status(sms_id: str) -> Response:
        return respond({"success": True, "data": message(gateway.status(caller(gateway), sms_id))})

    @routes.get("/sms/messages")
    def messages() -> Response:
        who = caller(gateway)
        found, next_cursor = gateway.messages(who, message_filter(request.args, gateway.e164))
        data = [listed_message(view) for view in found]
        return respond({"success": True, "data": data, "next_cursor": next_cursor})

    @routes.post("/sms/cancel/<sms_id>")
    def cancel(sms_id: str) -> Response:
        return respond({"success": True, "data": message(gateway.cancel(caller(gateway), sms_id))})

    return routes
