"""POST /sms/ussd: a USSD session through a modem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response

from api.access.authentication import authenticate_admin
from api.documentation.operation import Access, Answer, Body, Operation, Tag, described
from api.requests.json_body import request_body
from api.requests.models import UssdBody, ussd_request
from api.responses import serializers
from api.responses.answers.modems import UssdAnswer
from api.responses.errors import TooManyWaitingError
from api.server.wait_limit import WaitLimit
from gatewayd.errors import ConflictError, NotFoundError, UssdFailedError

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


_USSD = Operation(
    Tag.SIMS,
    "Send a USSD code",
    {
        200: Answer(
            "The network answered.",
            UssdAnswer,
            {
                "a balance": {
                    "success": True,
                    "message": "Réponse USSD reçue",
                    "data": {
                        "port": 1,
                        "slot": 1,
                        "answer": "Votre solde est de 1250 FCFA.",
                        "session": "done",
                        "answers": ["1 Solde\n2 Mon numéro", "Votre solde est de 1250 FCFA."],
                        "replies_unsaid": 0,
                    },
                }
            },
        )
    },
    "The code is sent between two messages; the request waits for the network's answer.",
    access=Access.ADMIN,
    body=Body(UssdBody, {"the balance": {"port": 1, "code": "#123#"}}),
    errors=(NotFoundError, ConflictError, UssdFailedError, TooManyWaitingError),
)


def endpoints(gateway: Gateway, wait_limit: WaitLimit) -> Blueprint:
    """The endpoint for USSD. `wait_limit`: for requests that wait for a modem."""
    blueprint = Blueprint("ussd", __name__)

    @blueprint.post("/sms/ussd")
    @described(_USSD)
    def ussd() -> Response:
        authenticate_admin(gateway)
        parsed = ussd_request(request_body())
        with wait_limit.required():
            answer = gateway.ussd(parsed.port, parsed.code, parsed.replies, parsed.slot)
        return serializers.respond(serializers.success(serializers.ussd(answer), "Réponse USSD reçue"))

    return blueprint
