"""GET /health: whether messages are taken, and how the box is, without a key."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response

from api.responses.errors import refusal
from api.responses.serializers import refuse, respond
from gatewayd.errors import StorageUnavailableError
from gatewayd.operations.health import Check, HealthState

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


PATH = "/health"
"""Where it is, below `/api`."""


def endpoints(gateway: Gateway) -> Blueprint:
    """The endpoint for monitors and load balancers."""
    routes = Blueprint("health", __name__)

    @routes.get(PATH)
    def health() -> Response:
        checks, ready = gateway.checks(), gateway.ready()
        if ready:
            return respond({"success": True, "data": document(checks, ready=ready)})
        failed = [check.detail for check in checks if check.state is HealthState.FAIL]
        told = refusal(
            StorageUnavailableError(f"No messages are taken: {'; '.join(failed) or 'no SIM can send'}")
        )
        return refuse(replace(told, data=document(checks, ready=ready)))

    return routes


def document(checks: list[Check], *, ready: bool) -> dict[str, Any]:
    """The checks, shaped after the expired draft of health+json (draft-inadarei-api-health-check-06)."""
    well = all(check.state is HealthState.PASS for check in checks)
    return {
        "status": ("ok" if well else "warn") if ready else "fail",
        "live": True,
        "ready": ready,
        "checks": {check.name: {"status": check.state.value, "output": check.detail} for check in checks},
    }
