"""GET /health: whether messages are accepted, and the checks of the box. Needs no key."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response

from api.documentation.operation import Access, Answer, Operation, Tag, described
from api.responses.answers.health import HealthAnswer, HealthFailed
from api.responses.errors import refusal
from api.responses.serializers import respond, respond_error, success
from gatewayd.errors import StorageUnavailableError
from gatewayd.operations.health import Check, HealthState

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


PATH = "/health"
"""The path below `/api`."""


_CHECKS = {
    "store": {"status": "pass", "output": "The database answers"},
    "queue": {"status": "pass", "output": "Nothing has waited for long"},
}
_HEALTH = Operation(
    Tag.BOX,
    "Whether messages are accepted",
    {
        200: Answer(
            "Messages are accepted.",
            HealthAnswer,
            {
                "ready": {
                    "success": True,
                    "data": {"status": "ok", "live": True, "ready": True, "checks": _CHECKS},
                }
            },
        ),
        503: Answer(
            "No messages are accepted.",
            HealthFailed,
            {
                "not ready": {
                    "success": False,
                    "message": "No messages are taken: no SIM can send",
                    "error": "storage_unavailable",
                    "data": {"status": "fail", "live": True, "ready": False, "checks": _CHECKS},
                }
            },
            headers={"Retry-After": "Seconds to wait before the next request."},
        ),
    },
    "For monitors and load balancers. It is answered however busy the gateway is.",
    access=Access.NONE,
)


def endpoints(gateway: Gateway) -> Blueprint:
    """The endpoint for monitors and load balancers."""
    blueprint = Blueprint("health", __name__)

    @blueprint.get(PATH)
    @described(_HEALTH)
    def health() -> Response:
        checks, ready = gateway.checks(), gateway.ready()
        if ready:
            return respond(success(document(checks, ready=ready)))
        failed = [check.detail for check in checks if check.state is HealthState.FAIL]
        failure = refusal(
            StorageUnavailableError(f"No messages are taken: {'; '.join(failed) or 'no SIM can send'}")
        )
        return respond_error(replace(failure, data=document(checks, ready=ready)))

    return blueprint


def document(checks: list[Check], *, ready: bool) -> dict[str, Any]:
    """The checks in the form of the expired draft of health+json (draft-inadarei-api-health-check-06)."""
    passed = all(check.state is HealthState.PASS for check in checks)
    return {
        "status": ("ok" if passed else "warn") if ready else "fail",
        "live": True,
        "ready": ready,
        "checks": {check.name: {"status": check.state.value, "output": check.detail} for check in checks},
    }
