"""The contents of the first page, which all open pages share: each is read and rendered at most once in some seconds."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from flask import current_app, render_template, url_for
from markupsafe import Markup

from api.dashboard.guard import roles_of
from api.dashboard.languages import language, localised
from api.dashboard.overview import plots
from api.dashboard.overview.needs import needs, webhook_need
from api.dashboard.overview.words import PRIORITIES, port_word, sim_word
from api.dashboard.rendering import local_time
from config.settings import Settings
from gatewayd.accounts.persons import Role, Viewer
from gatewayd.admin.box_state import BoxState, PortBox, collect
from gatewayd.admin.context import Context
from gatewayd.operations.figures import FigureReader, Figures
from gatewayd.operations.recent import Recent

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway

# Open pages share what was read so lately. Figures cost more to read than the state of the box.
_STATE_S: Final = 2.0
_FIGURES_S: Final = 15.0


class Contents:
    """The parts of the page for a viewer, in the language of the present request."""

    def __init__(self, gateway: Gateway, context: Context, settings: Settings) -> None:
        monotonic = context.clock.monotonic
        self._state = Recent(lambda: collect(context, gateway, settings), _STATE_S, monotonic)
        reader = FigureReader(context.shared, context.clock, context.calendar)
        self._figures = Recent(lambda: reader, _FIGURES_S, monotonic)
        self._zone = settings.numbers.zone
        # The tiles of the last rendering by language and role. Only renderings use it, and `_state` runs one at a time.
        self._tiles: dict[tuple[str, Role], dict[int, tuple[PortBox, Markup]]] = {}

    def live(self, person: Viewer, *, first: bool) -> Markup:
        """The parts that refresh themselves. `first`: they are a part of the whole page."""
        key = (first, person.company_id, person.role, language())
        return self._state.derived(key, partial(self._live, person, first))

    def tables(self, person: Viewer) -> Markup:
        """The figures as tables."""
        figures, names = self._figures_of(person), self._names(person)
        key = ("tables", person.company_id, language())
        return self._figures.derived(key, lambda _: _tables(figures, names))

    def plots(self, person: Viewer) -> str:
        """The figures for the plots, as JSON."""
        figures, names = self._figures_of(person), self._names(person)
        key = ("plots", person.company_id, language())
        hour, day = (partial(local_time, zone=self._zone, form=form) for form in ("%H:%M", "%d/%m"))
        return self._figures.derived(
            key, lambda _: json.dumps(plots.document(figures, names, localised, hour, day))
        )

    def _figures_of(self, person: Viewer) -> Figures:
        return self._figures.derived(person.company_id, lambda reader: reader.read(person.company_id))

    def _names(self, person: Viewer) -> dict[int, str] | None:
        """The names of the SIMs by their ids; None: the viewer sees no SIMs."""
        if person.company_id is not None:
            return None
        stored = self._state.get().stored
        return {} if stored is None else {sim.id: sim.shown_name for sim in stored.sims.values()}

    def _live(self, person: Viewer, first: bool, state: BoxState) -> Markup:
        stored, company_id = state.stored, person.company_id
        shared = {
            "state": state,
            "today": self._figures_of(person).today,
            "first": first,
            "priorities": PRIORITIES,
            "address": partial(address, person.role),
        }
        if company_id is None:
            slots = [slot for port in state.ports for slot in port.slots]
            return _rendered(
                "overview_live.html",
                needs=needs(state),
                ready=sum(slot.is_ready for slot in slots),
                sims=sum(slot.sim is not None for slot in slots),
                tiles=self._tiles_of(person.role, state),
                **shared,
            )
        troubled = () if stored is None else stored.troubled_webhooks
        queue = () if stored is None else stored.queue
        return _rendered(
            "overview_company_live.html",
            needs=[
                webhook_need(hook.id, paused=hook.paused)
                for hook in troubled
                if hook.company_id == company_id
            ],
            queue=[row for row in queue if row.company_id == company_id],
            quota=None if stored is None else stored.quotas.get(company_id),
            **shared,
        )

    def _tiles_of(self, role: Role, state: BoxState) -> list[Markup]:
        """The tile of each port. Most ports are as before: their tiles are not rendered again."""
        before = self._tiles.get((language(), role), {})
        words = {"address": partial(address, role), "port_word": port_word, "sim_word": sim_word}
        tiles: dict[int, tuple[PortBox, Markup]] = {}
        for port in state.ports:
            last = before.get(port.status.port)
            if last is None or last[0] != port:
                last = (port, _rendered("overview_port.html", port=port, **words))
            tiles[port.status.port] = last
        self._tiles[language(), role] = tiles
        return [tile for _, tile in tiles.values()]


def address(role: Role, endpoint: str, number: int | None = None) -> str | None:
    """The address of a page that a role may see, of one thing (by its number) or of all; None: there is none."""
    if endpoint not in current_app.view_functions or role not in roles_of(current_app, endpoint):
        return None
    if number is None:
        return url_for(endpoint)
    (rule,) = current_app.url_map.iter_rules(endpoint)
    values: dict[str, Any] = dict.fromkeys(rule.arguments, number)
    return url_for(endpoint, **values)


def _tables(figures: Figures, names: dict[int, str] | None) -> Markup:
    return _rendered(
        "overview_tables.html",
        hours=plots.outcome_rows(figures.hours)[::-1],
        days=plots.outcome_rows(figures.days)[::-1],
        outcomes=plots.OUTCOMES,
        sims=None if names is None else plots.sim_totals(figures.days, names),
    )


def _rendered(template: str, **values: object) -> Markup:
    """A rendered template, which has escaped every value."""
    return Markup(render_template(template, **values))  # noqa: S704 - see above
