"""POST and GET /sms/loop-test: the SIMs of the box text each other."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from api.access.authentication import administrator
from api.requests.headers import preferences
from api.requests.json_body import body
from api.requests.models import loop_test_request
from api.responses import serializers
from api.server.waiting_places import WaitingPlaces
from config.settings import ApiSettings

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


def endpoints(gateway: Gateway, settings: ApiSettings, places: WaitingPlaces) -> Blueprint:
    """The endpoints for loop tests. `places`: for requests that wait for a modem."""
    routes = Blueprint("loop_test", __name__)

    @routes.post("/sms/loop-test")
    def begin() -> Response:
        administrator(gateway)
        asked = loop_test_request(body(request.environ, partial(request.get_data, cache=False)))
        wanted = preferences(request.headers.get("Prefer", ""))
        round_ = gateway.loop_tests.begin(asked.source, asked.target, asked.timeout_s)
        wait_s = min(wanted.wait_s or 0, settings.send_wait_max_s)
        with places.one(wanted=wait_s > 0) as has_place:
            gateway.loop_tests.wait(round_, wait_s if has_place else 0)
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
        return serializers.respond({"success": True, "message": message, "data": data})

    @routes.get("/sms/loop-test")
    def last() -> Response:
        administrator(gateway)
        tests = [serializers.loop_test(test) for test in gateway.loop_tests.last()]
        return serializers.respond({"success": True, "data": tests})

    return routes
