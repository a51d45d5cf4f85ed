"""The fleet: its boxes, what waits where, and what needs a person. Only a box of a fleet has this page."""

from __future__ import annotations

from flask import Blueprint
from werkzeug.wrappers import Response

from api.dashboard.guard import PageError, allowed
from api.dashboard.rendering import page
from api.server.wait_limit import WaitLimit
from config.language.text import Text
from gatewayd.accounts.persons import Role
from gatewayd.admin.context import FleetView
from gatewayd.diagnostics.findings import Grade
from gatewayd.fleet.setup.findings import of_document


def pages(view: FleetView | None, wait_limit: WaitLimit) -> Blueprint:
    """The page of the fleet. `view` None: the box is alone. `wait_limit`: PostgreSQL may take seconds to answer."""
    blueprint = Blueprint("fleet", __name__)
    if view is None:
        return blueprint

    def values() -> dict[str, object]:
        with wait_limit.acquire() as may_wait:
            if not may_wait:
                raise PageError(503, Text("The box is busy. Try again in a moment."))
            fleet = view.document()
        return {
            "fleet": fleet,
            "findings": [each for each in of_document(fleet) if each.grade is not Grade.OK],
        }

    @blueprint.get("/fleet")
    @allowed(Role.OWNER, Role.OPERATOR)
    def fleet() -> Response:
        return page("fleet.html", **values())

    @blueprint.get("/fleet/boxes")
    @allowed(Role.OWNER, Role.OPERATOR)
    def boxes() -> Response:
        return page("fleet_boxes.html", **values())

    @blueprint.app_context_processor
    def trouble() -> dict[str, object]:
        return {"fleet_trouble": view.trouble}

    return blueprint
