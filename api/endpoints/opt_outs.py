"""GET and POST /sms/opt-outs, DELETE /sms/opt-outs/{recipient}: numbers that want no such messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from api.access.authentication import authenticate
from api.documentation.operation import Answer, Body, Operation, Parameter, Tag, described
from api.documentation.parameters import CURSOR, LIMIT, NUMBER
from api.requests.json_body import request_body
from api.requests.models import OptOutBody, Rules, opt_out_request
from api.requests.query_params import page
from api.responses.answers.campaigns import OptOutAnswer, OptOutsAnswer
from api.responses.json_format import timestamp
from api.responses.serializers import respond, success
from config.settings import ApiSettings
from gatewayd.errors import NotFoundError

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway
    from gatewayd.records import OptOutRecord


_OPT_OUT = {
    "recipient": "+22370123456",
    "opted_out_at": "2025-10-30T14:30:05.000000Z",
    "source": "text",
    "reason": None,
    "message": "Stop.",
    "inbox_id": 7,
}
_BY_API = {**_OPT_OUT, "source": "api", "reason": "by telephone", "message": None, "inbox_id": None}
_LIST = Operation(
    Tag.CAMPAIGNS,
    "The numbers that opted out",
    {
        200: Answer(
            "A page, newest first.",
            OptOutsAnswer,
            {"by a text": {"success": True, "data": [_OPT_OUT], "next_cursor": None}},
        )
    },
    parameters=(LIMIT, CURSOR),
)
_ADD = Operation(
    Tag.CAMPAIGNS,
    "Opt a number out",
    {200: Answer("The number is out.", OptOutAnswer, {"by the API": {"success": True, "data": _BY_API}})},
    "A number that is out already stays as it is.",
    body=Body(OptOutBody, {"by telephone": {"recipient": "+22370123456", "reason": "by telephone"}}),
)
_END = Operation(
    Tag.CAMPAIGNS,
    "Let a number take messages again",
    {200: Answer("The opt-out as it was.", OptOutAnswer, {"by a text": {"success": True, "data": _OPT_OUT}})},
    parameters=(Parameter("recipient", "path", "The number.", NUMBER),),
    errors=(NotFoundError,),
)


def endpoints(gateway: Gateway, settings: ApiSettings) -> Blueprint:
    """The endpoints for opt-outs."""
    blueprint = Blueprint("opt_outs", __name__)
    rules = Rules(gateway.e164, settings.bulk_max)

    @blueprint.get("/sms/opt-outs")
    @described(_LIST)
    def opt_outs() -> Response:
        caller = authenticate(gateway)
        records, next_cursor = gateway.opt_outs.page(caller, *page(request.args))
        return respond(
            {"success": True, "data": [_opt_out(record) for record in records], "next_cursor": next_cursor}
        )

    @blueprint.post("/sms/opt-outs")
    @described(_ADD)
    def add() -> Response:
        caller = authenticate(gateway)
        wanted = opt_out_request(request_body(), rules)
        return respond(
            success(_opt_out(gateway.opt_outs.add(caller, wanted.recipient, wanted.reason, "api")))
        )

    @blueprint.delete("/sms/opt-outs/<recipient>")
    @described(_END)
    def end(recipient: str) -> Response:
        caller = authenticate(gateway)
        try:
            number = gateway.e164(recipient)
        except ValueError as error:
            raise NotFoundError("This number has not opted out") from error
        return respond(success(_opt_out(gateway.opt_outs.end(caller, number, "api"))))

    return blueprint


def _opt_out(record: OptOutRecord) -> dict[str, Any]:
    return {
        "recipient": record.recipient,
        "opted_out_at": timestamp(record.opted_out_at),
        "source": record.source,
        "reason": record.reason,
        "message": record.text,
        "inbox_id": record.inbox_id,
    }
