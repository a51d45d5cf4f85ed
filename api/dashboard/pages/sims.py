"""The SIM cards: a list, and the settings of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response

from api.dashboard.changes import Changes, leave
from api.dashboard.guard import PageError, allowed
from api.dashboard.rendering import page
from api.dashboard.scope import company_names
from api.dashboard.sim_form import LIMITS, changes_of
from api.dashboard.sim_state import State, state_of
from config.language.text import Text, text_of
from gatewayd.accounts.persons import Role
from gatewayd.admin.context import Context
from gatewayd.errors import AdminError
from gatewayd.sims.port_registry import Presence


def pages(context: Context, changes: Changes, *parts: Blueprint) -> Blueprint:
    """The pages of SIM cards. `parts`: blueprints that belong to them."""
    blueprint = Blueprint("sims", __name__)
    for part in parts:
        blueprint.register_blueprint(part)

    @blueprint.get("/sims")
    @allowed(Role.OWNER, Role.OPERATOR)
    def sims() -> Response:
        rows, places = changes.read("sim.list"), places_in_box(context)
        rows.sort(key=lambda sim: _order(sim, places))
        return page(
            "sims.html",
            sims=rows,
            states=_states(context, rows),
            places=places,
            usage={one["id"]: one for one in changes.read("sim.usage")},
            companies=company_names(changes),
        )

    @blueprint.get("/sims/<int:sim_id>")
    @allowed(Role.OWNER, Role.OPERATOR)
    def sim(sim_id: int) -> Response:
        return _show(sim_id)

    @blueprint.post("/sims/<int:sim_id>")
    @allowed(Role.OWNER, Role.OPERATOR)
    def set_sim(sim_id: int) -> Response:
        known = the_sim(changes, sim_id)
        try:
            changed = changes_of(request.form, known)
            default = "default" in request.form and not known["default"]
            if changed or default:
                changes.run("sim.set", sim=sim_id, changes=changed, default=default)
        except AdminError as error:
            return _show(sim_id, 422, error=text_of(error), typed=request.form)
        done = (
            Text("The settings of the SIM card are saved.")
            if changed or default
            else Text("Nothing changed.")
        )
        return leave(url_for("sims.sim", sim_id=sim_id), done)

    @blueprint.post("/sims/<int:sim_id>/clear")
    @allowed(Role.OWNER, Role.OPERATOR)
    def clear(sim_id: int) -> Response:
        the_sim(changes, sim_id)
        done = Text("The SIM card sends again.")
        return changes.make(url_for("sims.sim", sim_id=sim_id), done, "sim.clear", {"sim": sim_id})

    def _show(sim_id: int, status: int = 200, **values: object) -> Response:
        shown = the_sim(changes, sim_id)
        return page(
            "sim.html",
            status,
            sim=shown,
            state=_states(context, [shown])[sim_id],
            place=places_in_box(context).get(sim_id),
            usage=next(one for one in changes.read("sim.usage") if one["id"] == sim_id),
            limits=LIMITS,
            companies=company_names(changes),
            **values,
        )

    return blueprint


def the_sim(changes: Changes, sim_id: int) -> dict[str, Any]:
    """The SIM with an id, as `sim.show` shows it. Raises PageError: there is none."""
    try:
        found: dict[str, Any] = changes.read("sim.show", sim=sim_id)
    except AdminError as error:
        raise PageError(404, Text("There is no such SIM card.")) from error
    return found


def places_in_box(context: Context) -> dict[int, Presence]:
    """The place of each SIM that is in the box."""
    found = context.running().port_registry.sims()
    return {sim_id: place for sim_id, place in found.items() if place.there or place.up}


def _states(context: Context, sims: Sequence[Mapping[str, Any]]) -> dict[int, State]:
    """The states of SIMs, by their ids."""
    registry = context.running().port_registry
    places, ports = registry.sims(), registry.ports()
    rests = registry.rests(context.clock.monotonic())
    states = {}
    for sim in sims:
        place = places.get(sim["id"])
        port = None if place is None else ports.get(place.port)
        states[sim["id"]] = state_of(sim, place, port, sim["id"] in rests)
    return states


def _order(sim: Mapping[str, Any], places: Mapping[int, Presence]) -> tuple[bool, int, int, int]:
    """SIMs in the box come first, by their places; the others by the places where they were."""
    place = places.get(sim["id"])
    if place is None:
        return True, sim["port"], sim["slot"], sim["id"]
    return False, place.port, place.slot, sim["id"]
