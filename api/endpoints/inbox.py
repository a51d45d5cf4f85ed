"""GET /sms/inbox and PATCH /sms/inbox/{id}: received texts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from api.access.authentication import authenticate
from api.requests.json_body import body
from api.requests.models import read_request
from api.requests.query_params import inbox_filter, row_id
from api.responses.serializers import respond, success, text

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


def endpoints(gateway: Gateway) -> Blueprint:
    """The endpoints for received texts."""
    blueprint = Blueprint("inbox", __name__)

    @blueprint.get("/sms/inbox")
    def inbox() -> Response:
        caller = authenticate(gateway)
        records, next_cursor = gateway.inbox(caller, inbox_filter(request.args, gateway.e164))
        return respond(
            {"success": True, "data": [text(record) for record in records], "next_cursor": next_cursor}
        )

    @blueprint.patch("/sms/inbox/<text_id>")
    def mark_read(text_id: str) -> Response:
        caller = authenticate(gateway)
        read = read_request(body(request.environ, partial(request.get_data, cache=False)))
        return respond(success(text(gateway.mark_read(caller, row_id(text_id), read=read))))

    return blueprint
