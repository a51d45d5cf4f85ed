"""GET /sms/sims/available and GET /sms/test-connection: SIMs and modems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response

from api.access.authentication import authenticate, authenticate_admin
from api.documentation.operation import Access, Answer, Operation, Tag, described
from api.responses import serializers
from api.responses.answers.modems import ConnectionAnswer, ConnectionFailed
from api.responses.answers.sims import SimsAnswer
from api.responses.errors import Refusal, TooManyWaitingError
from api.server.wait_limit import WaitLimit

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway

TEST_TIMEOUT_S = 4.5
"""The time for all modems, side by side, to answer OK: the contract promises the response within 5 s."""


_SIM = {"id": 1, "number": "+22366603716", "name": "Orange Mali SIM", "operator": "Orange"}
_AVAILABLE = Operation(
    Tag.SIMS,
    "The SIMs that the company may use",
    {
        200: Answer(
            "The SIMs of the company, and those of no company.",
            SimsAnswer,
            {
                "one SIM": {
                    "success": True,
                    "data": {
                        "assigned_sim": {**_SIM, "can_send_sms": True},
                        "available_sims": [
                            {
                                **_SIM,
                                "port": 8,
                                "slot": 2,
                                "is_default": True,
                                "balance": 0,
                                "daily_limit": 100,
                                "monthly_limit": 3000,
                                "usage_stats": {"today_sent": 45, "today_failed": 2, "this_month_sent": 1250},
                                "can_send_sms": True,
                                "assigned_to": "Orange Mali",
                                "balance_at": None,
                                "bundle_units": None,
                                "bundle_end": None,
                            }
                        ],
                        "total_available": 1,
                    },
                }
            },
        )
    },
)
_PORT = {"port": 1, "ok": True, "busy": False, "detail": "OK"}
_TEST_CONNECTION = Operation(
    Tag.BOX,
    "Ask every modem for OK",
    {
        200: Answer(
            "At least one modem answered.",
            ConnectionAnswer,
            {
                "success": {
                    "success": True,
                    "message": "Connexion 1SIMPLE1 réussie",
                    "data": {"result": "success"},
                    "status_code": 200,
                    "ports": [_PORT],
                }
            },
        ),
        503: Answer(
            "No modem answered, or too many requests wait for modems.",
            ConnectionFailed,
            {
                "failure": {
                    "success": False,
                    "message": "Échec de la connexion 1SIMPLE1",
                    "error": "gateway_unreachable",
                    "data": {"result": "failure"},
                    "status_code": 503,
                    "ports": [{**_PORT, "ok": False, "detail": "no answer"}],
                }
            },
        ),
    },
    "All modems are asked side by side, within 5 s.",
    access=Access.ADMIN,
    errors=(TooManyWaitingError,),
)


def endpoints(gateway: Gateway, wait_limit: WaitLimit) -> Blueprint:
    """The endpoints for SIMs and modems. `wait_limit`: for requests that wait for a modem."""
    blueprint = Blueprint("sims", __name__)

    @blueprint.get("/sms/sims/available")
    @described(_AVAILABLE)
    def available() -> Response:
        assigned, sims = gateway.sims(authenticate(gateway))
        return serializers.respond(serializers.success(serializers.sims(assigned, sims)))

    @blueprint.get("/sms/test-connection")
    @described(_TEST_CONNECTION)
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
