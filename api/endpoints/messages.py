"""GET /sms/status/{sms_id}, GET /sms/messages and POST /sms/cancel/{sms_id}: accepted messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from api.access.authentication import authenticate
from api.documentation.operation import Answer, Operation, Parameter, Tag, described
from api.documentation.parameters import CURSOR, ID, LIMIT, NUMBER, SINCE, SMS_ID, UNTIL
from api.requests.query_params import message_filter
from api.responses.answers.messages import MessageAnswer, MessagesAnswer
from api.responses.serializers import attempt, message, respond, success
from gatewayd.errors import ConflictError, NotFoundError
from gatewayd.records import Priority, Status

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway
    from gatewayd.records import Caller


_MESSAGE = {
    "sms_id": "9e2ad8a4-6f0b-4c43-9c1e-3a5d8e3f6b10",
    "recipient": "+22370123456",
    "sender": "+22366603716",
    "message": "Bonjour",
    "status": "delivered",
    "status_label": "Delivered",
    "sent_at": "2025-10-30T14:30:00.000000Z",
    "delivered_at": "2025-10-30T14:30:04.000000Z",
    "failed_at": None,
    "failure_reason": None,
    "cost": 0.05,
    "retry_count": 0,
    "sim_number": "+22366603716",
    "in_doubt": False,
    "campaign_id": 31,
    "reference": "order-1042",
    "parts": 1,
    "created_at": "2025-10-30T14:29:58.000000Z",
    "send_at": None,
    "expires_at": "2025-11-02T14:29:58.000000Z",
    "sandbox": False,
}
_ATTEMPT = {
    "part": 1,
    "at": "2025-10-30T14:30:00.000000Z",
    "sim_number_id": 1,
    "sim_number": "+22366603716",
    "port": 8,
    "outcome": "sent",
    "code": None,
    "meaning": "The network took it.",
    "meaning_fr": "Le réseau l'a pris.",
}
_STATUS = Operation(
    Tag.MESSAGES,
    "The status of a message",
    {
        200: Answer(
            "The message.",
            MessageAnswer,
            {"delivered": {"success": True, "data": {**_MESSAGE, "attempts": [_ATTEMPT]}}},
        )
    },
    parameters=(SMS_ID,),
    errors=(NotFoundError,),
)
_MESSAGES = Operation(
    Tag.MESSAGES,
    "The messages of the company",
    {
        200: Answer(
            "A page, newest first.",
            MessagesAnswer,
            {
                "one message": {
                    "success": True,
                    "data": [_MESSAGE],
                    "next_cursor": None,
                }
            },
        )
    },
    "All parameters are optional; an empty one counts as absent.",
    parameters=(
        Parameter(
            "status",
            "query",
            "Messages with this status.",
            {"type": "string", "enum": [each.value for each in Status]},
            "delivered",
        ),
        Parameter("campaign_id", "query", "Messages of this campaign.", ID, 31),
        Parameter("recipient", "query", "Messages to this recipient.", NUMBER),
        Parameter("reference", "query", "Messages with this reference.", {"type": "string"}, "order-1042"),
        Parameter("sim_number_id", "query", "Messages of this SIM.", ID, 1),
        Parameter(
            "priority",
            "query",
            "Messages with this priority.",
            {"type": "string", "enum": [each.name.lower() for each in Priority]},
            "normal",
        ),
        SINCE,
        UNTIL,
        LIMIT,
        CURSOR,
    ),
)
_CANCEL = Operation(
    Tag.MESSAGES,
    "Cancel a message",
    {
        200: Answer(
            "The message is cancelled.",
            MessageAnswer,
            {
                "cancelled": {
                    "success": True,
                    "data": {
                        **_MESSAGE,
                        "status": "cancelled",
                        "status_label": "Cancelled",
                        "sent_at": None,
                        "delivered_at": None,
                        "attempts": [],
                    },
                }
            },
        )
    },
    "Possible while no part of the message was handed to a modem.",
    parameters=(SMS_ID,),
    errors=(NotFoundError, ConflictError),
)


def endpoints(gateway: Gateway) -> Blueprint:
    """The endpoints for accepted messages."""
    blueprint = Blueprint("messages", __name__)

    @blueprint.get("/sms/status/<sms_id>")
    @described(_STATUS)
    def status(sms_id: str) -> Response:
        return _status_response(authenticate(gateway), sms_id)

    @blueprint.get("/sms/messages")
    @described(_MESSAGES)
    def messages() -> Response:
        caller = authenticate(gateway)
        records, next_cursor = gateway.messages(caller, message_filter(request.args, gateway.e164))
        data = [message(record) for record in records]
        return respond({"success": True, "data": data, "next_cursor": next_cursor})

    @blueprint.post("/sms/cancel/<sms_id>")
    @described(_CANCEL)
    def cancel(sms_id: str) -> Response:
        caller = authenticate(gateway)
        gateway.cancel(caller, sms_id)
        return _status_response(caller, sms_id)

    def _status_response(caller: Caller, sms_id: str) -> Response:
        record, attempts = gateway.history(caller, sms_id)
        data = message(record) | {"attempts": [attempt(one) for one in attempts]}
        return respond(success(data))

    return blueprint
