"""GET /sms/quota: the company's quota of this month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response

from api.access.authentication import authenticate
from api.responses import serializers

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


def endpoints(gateway: Gateway) -> Blueprint:
    """The endpoint for the quota."""
    blueprint = Blueprint("quota", __name__)

    @blueprint.get("/sms/quota")
    def quota() -> Response:
        return serializers.respond(
            serializers.success(serializers.quota(gateway.quota(authenticate(gateway))))
        )

    return blueprint
