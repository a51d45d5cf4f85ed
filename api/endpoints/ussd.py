"""POST /sms/ussd: a USSD session through a modem."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from api.access.authentication import authenticate_admin
from api.requests.json_body import body
from api.requests.models import ussd_request
from api.responses import serializers
from api.server.wait_limit import WaitLimit

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


def endpoints(gateway: Gateway, wait_limit: WaitLimit) -> Blueprint:
    """The endpoint for USSD. `wait_limit`: for requests that wait for a modem."""
    blueprint = Blueprint("ussd", __name__)

    @blueprint.post("/sms/ussd")
    def ussd() -> Response:
        authenticate_admin(gateway)
        parsed = ussd_request(body(request.environ, partial(request.get_data, cache=False)))
        with wait_limit.required():
            answer = gateway.ussd(parsed.port, parsed.code, parsed.replies, parsed.slot)
        return serializers.respond(serializers.success(serializers.ussd(answer), "Réponse USSD reçue"))

    return blueprint
