"""The first page: what needs a person, the ports and SIMs, the queue, and figures of the last day and month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from api.dashboard.guard import EVERYBODY, allowed, viewer
from api.dashboard.overview.contents import Contents
from api.dashboard.rendering import page
from config.settings import Settings
from gatewayd.admin.context import Context

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


def pages(gateway: Gateway, context: Context, settings: Settings) -> Blueprint:
    """The pages of the overview."""
    blueprint = Blueprint("overview", __name__)
    contents = Contents(gateway, context, settings)

    @blueprint.get("/")
    @allowed(*EVERYBODY)
    def overview() -> AnyResponse:
        person = viewer()
        return page(
            "overview.html",
            live=contents.live(person, first=True),
            tables=contents.tables(person),
            has_sims=person.company_id is None,
        )

    @blueprint.get("/overview/live")
    @allowed(*EVERYBODY)
    def refresh() -> AnyResponse:
        return page("overview_part.html", live=contents.live(viewer(), first=False))

    @blueprint.get("/overview/figures.json")
    @allowed(*EVERYBODY)
    def figures() -> AnyResponse:
        response = Response(contents.plots(viewer()), mimetype="application/json")
        response.add_etag(weak=True)
        response.make_conditional(request)
        return response

    return blueprint
