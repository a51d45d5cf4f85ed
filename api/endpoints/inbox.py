"""GET /sms/inbox: received texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from api.access.authentication import authenticate
from api.documentation.operation import Answer, Operation, Tag, described
from api.documentation.parameters import CURSOR, LIMIT
from api.requests.query_params import page
from api.responses.answers import InboxAnswer
from api.responses.json_format import timestamp
from api.responses.serializers import respond

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway
    from gatewayd.records import InboxRecord


_INBOX = Operation(
    Tag.INBOX,
    "The texts that came in",
    {
        200: Answer(
            "A page, newest first.",
            InboxAnswer,
            {
                "one text": {
                    "success": True,
                    "data": [
                        {
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
                        }
                    ],
                    "next_cursor": None,
                }
            },
        )
    },
    "Texts on the SIMs of the company; with an administration key also those on SIMs without a company.",
    parameters=(LIMIT, CURSOR),
)


def endpoints(gateway: Gateway) -> Blueprint:
    """The endpoint for received texts."""
    blueprint = Blueprint("inbox", __name__)

    @blueprint.get("/sms/inbox")
    @described(_INBOX)
    def inbox() -> Response:
        caller = authenticate(gateway)
        records, next_cursor = gateway.inbox(caller, *page(request.args))
        return respond(
            {"success": True, "data": [_text(record) for record in records], "next_cursor": next_cursor}
        )

    return blueprint


def _text(record: InboxRecord) -> dict[str, object]:
    return {
        "id": record.id,
        "sender": record.sender,
        "message": record.text,
        "received_at": timestamp(record.received_at),
        "sent_at": timestamp(record.sent_at),
        "sim_number": record.sim_number,
        "sim_number_id": record.sim_id,
        "incomplete": record.incomplete,
        "kind": record.kind,
        "encoding": record.encoding,
        "port_number": record.port_number,
    }
