"""GET /sms/inbox and PATCH /sms/inbox/{id}: received texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from api.access.authentication import authenticate
from api.documentation.operation import Answer, Body, Operation, Parameter, Tag, described
from api.documentation.parameters import CURSOR, ID, LIMIT, SINCE, UNTIL
from api.requests.json_body import request_body
from api.requests.models import ReadBody, read_request
from api.requests.query_params import inbox_filter, row_id
from api.responses.answers.inbox import InboxAnswer, TextAnswer
from api.responses.serializers import respond, success, text
from gatewayd.errors import NotFoundError

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


_TEXT = {
    "id": 7,
    "sender": "+22370123456",
    "message": "Merci",
    "received_at": "2025-10-30T14:30:05.000000Z",
    "sent_at": "2025-10-30T14:30:00.000000Z",
    "sim_number": "+22366603716",
    "sim_number_id": 1,
    "incomplete": False,
    "kind": "text",
    "encoding": "gsm7",
    "port_number": None,
    "read": False,
}
_INBOX = Operation(
    Tag.INBOX,
    "The texts that came in",
    {
        200: Answer(
            "A page, newest first.",
            InboxAnswer,
            {"one text": {"success": True, "data": [_TEXT], "next_cursor": None}},
        )
    },
    "Texts on the SIMs of the company; with an administration key also those on SIMs without a company.",
    parameters=(
        Parameter(
            "sender",
            "query",
            "Texts from this number, short code or name.",
            {"type": "string"},
            "+22376000001",
        ),
        SINCE,
        UNTIL,
        Parameter(
            "unread", "query", "Texts that are not read, or that are.", {"type": "boolean"}, example=True
        ),
        Parameter("sim_number_id", "query", "Texts on this SIM.", ID, 1),
        LIMIT,
        CURSOR,
    ),
)
_MARK = Operation(
    Tag.INBOX,
    "Mark a text as read",
    {200: Answer("The text.", TextAnswer, {"read": {"success": True, "data": {**_TEXT, "read": True}}})},
    "The mark is the company's: all its keys see it.",
    parameters=(
        Parameter(
            "text_id", "path", "The `id` of a text.", {"type": "integer", "minimum": 1, "maximum": 10**18 - 1}
        ),
    ),
    body=Body(ReadBody, {"read": {"read": True}, "unread": {"read": False}}),
    errors=(NotFoundError,),
)


def endpoints(gateway: Gateway) -> Blueprint:
    """The endpoints for received texts."""
    blueprint = Blueprint("inbox", __name__)

    @blueprint.get("/sms/inbox")
    @described(_INBOX)
    def inbox() -> Response:
        caller = authenticate(gateway)
        records, next_cursor = gateway.inbox(caller, inbox_filter(request.args, gateway.e164))
        return respond(
            {"success": True, "data": [text(record) for record in records], "next_cursor": next_cursor}
        )

    @blueprint.patch("/sms/inbox/<text_id>")
    @described(_MARK)
    def mark_read(text_id: str) -> Response:
        caller = authenticate(gateway)
        read = read_request(request_body())
        return respond(success(text(gateway.mark_read(caller, row_id(text_id), read=read))))

    return blueprint
