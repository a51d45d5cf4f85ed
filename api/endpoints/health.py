"""GET /health: whether messages are accepted, and the checks of the box. Needs no key."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response

from api.responses.errors import refusal
from api.responses.serializers import respond, respond_error, success
from gatewayd.errors import StorageUnavailableError
from gatewayd.operations.health import Check, HealthState

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


PATH = "/health"
"""The path below `/api`."""


def endpoints(gateway: Gateway) -> Blueprint:
    """The endpoint for monitors and load balancers."""
    blueprint = Blueprint("health", __name__)

    @blueprint.get(PATH)
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
