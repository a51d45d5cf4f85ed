"""GET /sms/inbox: received texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from api.access.authentication import authenticate
from api.requests.query_params import page
from api.responses.serializers import respond, text

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


def endpoints(gateway: Gateway) -> Blueprint:
    """The endpoint for received texts."""
    blueprint = Blueprint("inbox", __name__)

    @blueprint.get("/sms/inbox")
    def inbox() -> Response:
        caller = authenticate(gateway)
        records, next_cursor = gateway.inbox(caller, *page(request.args))
        return respond(
            {"success": True, "data": [text(record) for record in records], "next_cursor": next_cursor}
        )

    return blueprint
