"""GET /sms/sims/available and GET /sms/test-connection: what messages can be sent with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response

from api.access.authentication import administrator, caller
from api.responses import serializers
from api.responses.errors import Refusal
from api.server.waiting_places import WaitingPlaces

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway

TEST_TIMEOUT_S = 4.5
"""How long the modems have to say OK, all of them side by side: the answer is promised within 5 s in all."""


def endpoints(gateway: Gateway, places: WaitingPlaces) -> Blueprint:
    """The endpoints about SIMs and modems. `places`: for requests that wait for a modem."""
    routes = Blueprint("sims", __name__)

    @routes.get("/sms/sims/available")
    def available() -> Response:
        assigned, sims = gateway.sims(caller(gateway))
        return serializers.respond({"success": True, "data": serializers.sims(assigned, sims)})

    @routes.get("/sms/test-connection")
    def test_connection() -> Response:
        administrator(gateway)
        with places.required():
            told = gateway.test_connection(TEST_TIMEOUT_S)
        ports = [serializers.port(answer) for answer in told]
        if any(answer.ok for answer in told):
            return serializers.respond(
                {
                    "success": True,
                    "message": "Connexion 1SIMPLE1 réussie",
                    "data": {"result": "success"},
                    "status_code": 200,
                    "ports": ports,
                }
            )
        failed = Refusal(
            503, "gateway_unreachable", "Échec de la connexion 1SIMPLE1", {"result": "failure"}
        ).envelope
        return serializers.respond(failed | {"status_code": 503, "ports": ports}, 503)

    return routes
