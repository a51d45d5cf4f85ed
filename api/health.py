"""GET /health: whether messages are taken, without a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response

from api.answers import respond
from gatewayd.errors import StorageUnavailableError

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


def endpoints(gateway: Gateway) -> Blueprint:
    """The endpoint for monitors and load balancers."""
    routes = Blueprint("health", __name__)

    @routes.get("/health")
    def health() -> Response:
        if not gateway.ready():
            raise StorageUnavailableError
        return respond({"success": True, "data": {"status": "ok"}})

    return routes
