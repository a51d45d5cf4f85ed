"""The first page: what needs a person, the ports and SIMs, the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint
from werkzeug.wrappers import Response

from api.dashboard.changes import Changes
from api.dashboard.guard import EVERYBODY, allowed
from api.dashboard.rendering import page

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


def pages(gateway: Gateway, changes: Changes) -> Blueprint:
    """The pages of the overview."""
    blueprint = Blueprint("overview", __name__)

    @blueprint.get("/")
    @allowed(*EVERYBODY)
    def overview() -> Response:
        return page(
            "overview.html", ports=[port for _, port in sorted(gateway.port_registry.ports().items())]
        )

    return blueprint
