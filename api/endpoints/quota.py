"""GET /sms/quota: what is left of the month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response

from api.access.authentication import caller
from api.responses import serializers

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


def endpoints(gateway: Gateway) -> Blueprint:
    """The endpoint about the quota."""
    routes = Blueprint("quota", __name__)

    @routes.get("/sms/quota")
    def quota() -> Response:
        return serializers.respond(
            {"success": True, "data": serializers.quota(gateway.quota(caller(gateway)))}
        )

    return routes
