"""GET /sms/sims/available and GET /sms/test-connection: SIMs and modems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response

from api.access.authentication import authenticate, authenticate_admin
from api.responses import serializers
from api.responses.errors import Refusal
from api.server.wait_limit import WaitLimit

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway

TEST_TIMEOUT_S = 4.5
"""The time for all modems, side by side, to answer OK: the contract promises the response within 5 s."""


def endpoints(gateway: Gateway, wait_limit: WaitLimit) -> Blueprint:
    """The endpoints for SIMs and modems. `wait_limit`: for requests that wait for a modem."""
    blueprint = Blueprint("sims", __name__)

    @blueprint.get("/sms/sims/available")
    def available() -> Response:
        assigned, sims = gateway.sims(authenticate(gateway))
        return serializers.respond(serializers.success(serializers.sims(assigned, sims)))

    @blueprint.get("/sms/test-connection")
    def test_connection() -> Response:
        authenticate_admin(gateway)
        with wait_limit.required():
            answers = gateway.test_connection(TEST_TIMEOUT_S)
        ports = [serializers.port(answer) for answer in answers]
        if any(answer.ok for answer in answers):
            return serializers.respond(
                serializers.success({"result": "success"}, "Connexion 1SIMPLE1 réussie")
                | {"status_code": 200, "ports": ports}
            )
        failed = Refusal(
            503, "gateway_unreachable", "Échec de la connexion 1SIMPLE1", {"result": "failure"}
        ).envelope
        return serializers.respond(failed | {"status_code": 503, "ports": ports}, 503)

    return blueprint
