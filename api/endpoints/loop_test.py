"""POST and GET /sms/loop-test: the SIMs of the box send messages to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from api.access.authentication import authenticate_admin
from api.documentation.operation import Access, Answer, Body, Operation, Tag, described
from api.documentation.parameters import PREFER
from api.requests.headers import preferences
from api.requests.json_body import request_body
from api.requests.models import LoopTestBody, loop_test_request
from api.responses import serializers
from api.responses.answers.modems import LoopTestAnswer, LoopTestsAnswer
from api.server.wait_limit import WaitLimit
from config.settings import ApiSettings
from gatewayd.errors import ConflictError

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


_TEST = {
    "from": "1.1",
    "from_sim": 1,
    "to": "2.1",
    "to_sim": 2,
    "started_at": "2025-10-30T14:30:00.000000Z",
    "outcome": "arrived",
    "arrived": True,
    "submit_s": 3.1,
    "arrive_s": 5.4,
    "report_s": 5.9,
    "sms_id": "9e2ad8a4-6f0b-4c43-9c1e-3a5d8e3f6b10",
    "reason": None,
    "detail": "",
    "detail_fr": "",
}
_BEGIN = Operation(
    Tag.SIMS,
    "Start a loop test",
    {
        200: Answer(
            "The test is started.",
            LoopTestAnswer,
            {
                "arrived": {
                    "success": True,
                    "message": "Test de boucle terminé",
                    "data": {
                        "running": False,
                        "all_arrived": True,
                        "timeout_s": 300,
                        "tests": [_TEST],
                        "notes": [],
                    },
                }
            },
        )
    },
    "SIMs of the box send texts to each other through the network. **Each text has its normal price.** The body may be absent.",
    access=Access.ADMIN,
    parameters=(PREFER,),
    body=Body(
        LoopTestBody,
        {
            "one SIM to another": {"from": "1", "to": "2"},
            "with slots": {"from": "2.1", "to": "1.1", "timeout_s": 60},
        },
        required=False,
    ),
    errors=(ConflictError,),
)
_LAST = Operation(
    Tag.SIMS,
    "The last loop tests",
    {
        200: Answer(
            "The latest test of each sending SIM.",
            LoopTestsAnswer,
            {"arrived": {"success": True, "data": [_TEST]}},
        )
    },
    access=Access.ADMIN,
)


def endpoints(gateway: Gateway, settings: ApiSettings, wait_limit: WaitLimit) -> Blueprint:
    """The endpoints for loop tests. `wait_limit`: for requests that wait for a modem."""
    blueprint = Blueprint("loop_test", __name__)

    @blueprint.post("/sms/loop-test")
    @described(_BEGIN)
    def begin() -> Response:
        authenticate_admin(gateway)
        parsed = loop_test_request(request_body())
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
    @described(_LAST)
    def last() -> Response:
        authenticate_admin(gateway)
        tests = [serializers.loop_test(test) for test in gateway.loop_tests.last()]
        return serializers.respond(serializers.success(tests))

    return blueprint
