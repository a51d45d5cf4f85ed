"""GET /sms/inbox: the texts that came in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from api.access.authentication import caller
from api.requests.query_params import page
from api.responses.json_format import timestamp
from api.responses.serializers import respond

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway
    from gatewayd.records import InboxRecord


def endpoints(gateway: Gateway) -> Blueprint:
    """The endpoint about texts that came in."""
    routes = Blueprint("inbox", __name__)

    @routes.get("/sms/inbox")
    def inbox() -> Response:
        who = caller(gateway)
        found, next_cursor = gateway.inbox(who, *page(request.args))
        return respond({"success": True, "data": [_text(view) for view in found], "next_cursor": next_cursor})

    return routes


def _text(view: InboxRecord) -> dict[str, object]:
    return {
        "id": view.id,
        "sender": view.sender,
        "message": view.text,
        "received_at": timestamp(view.received_at),
        "sent_at": timestamp(view.sent_at),
        "sim_number": view.sim_number,
        "sim_number_id": view.sim_id,
        "incomplete": view.incomplete,
        "kind": view.kind,
        "encoding": view.encoding,
        "port_number": view.port_number,
    }
