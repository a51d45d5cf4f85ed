"""The first page: what needs a person, the ports and SIMs, the queue, and figures of the last day and month."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from flask import Blueprint, Response, current_app, jsonify, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from api.dashboard.guard import EVERYBODY, allowed, roles_of, viewer
from api.dashboard.languages import language, localised
from api.dashboard.overview import plots
from api.dashboard.overview.needs import needs, webhook_need
from api.dashboard.overview.words import PRIORITIES, port_word, sim_word
from api.dashboard.rendering import local_time, page
from config.settings import Settings
from gatewayd.admin.box_state import BoxState, collect
from gatewayd.admin.context import Context
from gatewayd.operations.figures import FigureReader, Figures
from gatewayd.operations.recent import Recent

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway

# Open pages share what was read so lately.
_STATE_S: Final = 2.0
_FIGURES_S: Final = 10.0

# Companies whose figures are shared between open pages; others are read for each page.
_COMPANIES: Final = 50


class Overview:
    """The contents of the page, shared by all open pages."""

    def __init__(self, gateway: Gateway, context: Context, settings: Settings) -> None:
        monotonic = context.clock.monotonic
        self.state: Recent[BoxState] = Recent(
            lambda: collect(context, gateway, settings), _STATE_S, monotonic
        )
        reader = FigureReader(context.store, context.clock, context.calendar)
        self._figures = Recent(lambda: reader, _FIGURES_S, monotonic)
        self.zone = settings.numbers.zone

    def figures(self, company_id: int | None) -> Figures:
        """The figures of a company, or of the whole box."""
        return self._figures.derived(company_id, lambda reader: reader.read(company_id))


def pages(gateway: Gateway, context: Context, settings: Settings) -> Blueprint:
    """The pages of the overview."""
    blueprint = Blueprint("overview", __name__)
    shared = Overview(gateway, context, settings)

    @blueprint.get("/")
    @allowed(*EVERYBODY)
    def overview() -> AnyResponse:
        company_id = viewer().company_id
        figures = shared.figures(company_id)
        names = None if company_id is not None else _names(shared.state.get())
        return page(
            "overview.html",
            live=live(first=True),
            hours=plots.outcome_rows(figures.hours)[::-1],
            days=plots.outcome_rows(figures.days)[::-1],
            outcomes=plots.OUTCOMES,
            sims=None if names is None else plots.sim_totals(figures.days, names),
        )

    @blueprint.get("/overview/live")
    @allowed(*EVERYBODY)
    def refresh() -> AnyResponse:
        return page("overview_part.html", live=live(first=False))

    @blueprint.get("/overview/figures.json")
    @allowed(*EVERYBODY)
    def figures() -> AnyResponse:
        company_id = viewer().company_id
        found = shared.figures(company_id)
        names = None if company_id is not None else _names(shared.state.get())
        response = jsonify(
            plots.document(
                found,
                names,
                localised,
                partial(local_time, zone=shared.zone, form="%H:%M"),
                partial(local_time, zone=shared.zone, form="%d/%m"),
            )
        )
        response.add_etag(weak=True)
        response.make_conditional(request)
        return response

    def live(*, first: bool) -> Markup:
        """The parts that refresh themselves. One rendering serves all open pages of the same role and language."""
        person = viewer()
        key = (first, person.company_id, person.role, language())
        return shared.state.derived(key, partial(_live, shared, person.company_id, first))

    return blueprint


def _live(shared: Overview, company_id: int | None, first: bool, state: BoxState) -> Markup:
    """The rendered parts. They come from a template, which has escaped every value."""
    values = {
        "state": state,
        "today": shared.figures(company_id).today,
        "first": first,
        "priorities": PRIORITIES,
        "address": address,
    }
    if company_id is None:
        return Markup(  # noqa: S704 - see above
            render_template(
                "overview_live.html",
                needs=needs(state),
                ready=sum(slot.is_ready for port in state.ports for slot in port.slots),
                sims=sum(slot.sim is not None for port in state.ports for slot in port.slots),
                port_word=port_word,
                sim_word=sim_word,
                **values,
            )
        )
    stored = state.stored
    return Markup(  # noqa: S704 - see above
        render_template(
            "overview_company_live.html",
            needs=[] if stored is None else [
                webhook_need(hook.id, paused=hook.paused)
                for hook in stored.troubled_webhooks
                if hook.company_id == company_id
            ],
            queue=[] if stored is None else [row for row in stored.queue if row.company_id == company_id],
            quota=None if stored is None else stored.quotas.get(company_id),
            **values,
        )
    )  # fmt: skip


def address(endpoint: str, number: int | None = None) -> str | None:
    """The address of a page that the viewer may see, of one thing (by its number) or of all; None: there is none."""
    if endpoint not in current_app.view_functions or viewer().role not in roles_of(current_app, endpoint):
        return None
    if number is None:
        return url_for(endpoint)
    (rule,) = current_app.url_map.iter_rules(endpoint)
    return url_for(endpoint, **dict.fromkeys(rule.arguments, number))


def _names(state: BoxState) -> dict[int, str]:
    """The names of the SIMs by their ids."""
    return {} if state.stored is None else {sim.id: sim.shown_name for sim in state.stored.sims.values()}


__all__ = ["Response", "pages"]
