"""POST and GET /sms/loop-test: the SIMs of the box send messages to each other."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from api.access.authentication import authenticate_admin
from api.requests.headers import preferences
from api.requests.json_body import body
from api.requests.models import loop_test_request
from api.responses import serializers
from api.server.wait_limit import WaitLimit
from config.settings import ApiSettings

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


def endpoints(gateway: Gateway, settings: ApiSettings, wait_limit: WaitLimit) -> Blueprint:
    """The endpoints for loop tests. `wait_limit`: for requests that wait for a modem."""
    blueprint = Blueprint("loop_test", __name__)

    @blueprint.post("/sms/loop-test")
    def begin() -> Response:
        authenticate_admin(gateway)
        parsed = loop_test_request(body(request.environ, partial(request.get_data, cache=False)))
        prefer = preferences(request.headers.get("Prefer", ""))
        round_ = gateway.loop_tests.begin(parsed.source, parsed.target, parsed.timeout_s)
        wait_s = min(prefer.wait_s or 0, settings.send_wait_max_s)
        with wait_limit.acquire(wanted=wait_s > 0) as may_wait:
            gateway.loop_tests.wait(round_, wait_s if may_wait else 0)
        tests = gateway.loop_tests.of(round_)
        running = any(test.outcome == "running" for test in tests)
        data = {
            "running": running,
            "all_arrived": all(test.arrived for test in tests),
            "timeout_s": round_.timeout_s,
            "tests": [serializers.loop_test(test) for test in tests],
            "notes": round_.notes,
        }
        message = "Test de boucle en cours" if running else "Test de boucle terminé"
        return serializers.respond(serializers.success(data, message))

    @blueprint.get("/sms/loop-test")
    def last() -> Response:
        authenticate_admin(gateway)
        tests = [serializers.loop_test(test) for test in gateway.loop_tests.last()]
        return serializers.respond(serializers.success(tests))

    return blueprint
