"""POST /sms/ussd: asking the network through a modem."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from api.access.authentication import administrator
from api.requests.json_body import body
from api.requests.models import ussd_request
from api.responses import serializers
from api.server.waiting_places import WaitingPlaces

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


def endpoints(gateway: Gateway, places: WaitingPlaces) -> Blueprint:
    """The endpoint for USSD. `places`: for requests that wait for a modem."""
    routes = Blueprint("ussd", __name__)

    @routes.post("/sms/ussd")
    def ussd() -> Response:
        administrator(gateway)
        asked = ussd_request(body(request.environ, partial(request.get_data, cache=False)))
        with places.required():
            answer = gateway.ussd(asked.port, asked.code, asked.replies, asked.slot)
        return serializers.respond(
            {"success": True, "message": "Réponse USSD reçue", "data": serializers.ussd(answer)}
        )

    return routes
