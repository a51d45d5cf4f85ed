"""The USSD console of a SIM: codes and replies, and learning how its balance is read."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response

from api.dashboard.changes import Changes
from api.dashboard.guard import allowed
from api.dashboard.pages.sims import places_in_box, the_sim
from api.dashboard.rendering import page
from api.dashboard.scope import whole
from api.server.wait_limit import WaitLimit
from config.language.text import Text, text_of
from gatewayd.accounts.persons import Role
from gatewayd.admin.context import Context
from gatewayd.errors import AdminError
from gatewayd.sims.port_registry import Presence

# More than any code with its replies.
_LONGEST: Final = 2_000


def pages(context: Context, changes: Changes, wait_limit: WaitLimit) -> Blueprint:
    """The pages of the USSD console. An answer may take minutes: `wait_limit` bounds the requests that wait for one."""
    blueprint = Blueprint("ussd", __name__)

    @blueprint.get("/sims/<int:sim_id>/ussd")
    @allowed(Role.OWNER, Role.OPERATOR)
    def console(sim_id: int) -> Response:
        return _console(sim_id)

    @blueprint.post("/sims/<int:sim_id>/ussd")
    @allowed(Role.OWNER, Role.OPERATOR)
    def ask(sim_id: int) -> Response:
        sim, place = the_sim(changes, sim_id), places_in_box(context).get(sim_id)
        codes = " ".join(request.form.getlist("code"))[:_LONGEST].split()
        exchange: dict[str, Any] = {"codes": codes, "learn": "learn" in request.form}
        try:
            exchange |= _answer(place, codes, exchange["learn"])
        except AdminError as error:
            exchange["error"] = text_of(error)
        if request.headers.get("HX-Request"):
            return page("ussd_exchange.html", sim=sim, exchange=exchange)
        return _console(sim_id, 409 if "error" in exchange else 200, exchange=exchange)

    @blueprint.post("/sims/<int:sim_id>/ussd/keep")
    @allowed(Role.OWNER, Role.OPERATOR)
    def keep(sim_id: int) -> Response:
        the_sim(changes, sim_id)
        return changes.make(
            url_for("sims.ussd.console", sim_id=sim_id),
            Text("The balance is read in this way from now on."),
            "ussd.keep",
            {
                "sim": sim_id,
                "codes": request.form.get("code", "")[:_LONGEST].split(),
                "pattern": request.form.get("pattern", ""),
                "for_sim": request.form.get("for") == "sim",
            },
        )

    @blueprint.post("/sims/<int:sim_id>/ussd/forget")
    @allowed(Role.OWNER, Role.OPERATOR)
    def forget(sim_id: int) -> Response:
        the_sim(changes, sim_id)
        return changes.make(
            url_for("sims.ussd.console", sim_id=sim_id),
            Text("The balance is no longer read in this way."),
            "ussd.forget",
            {"learned": whole(request.form.get("learned"), 0)},
        )

    def _answer(place: Presence | None, codes: list[str], learn: bool) -> dict[str, Any]:
        """The answer of the network to codes. Raises AdminError."""
        if place is None:
            raise AdminError(Text("The SIM card is not in the box."))
        arguments: dict[str, object] = {"port": place.port, "codes": codes, "slot": place.slot}
        with wait_limit.acquire() as may_wait:
            if not may_wait:
                raise AdminError(Text("Too many requests wait for modems now. Try again in a minute."))
            if not learn:
                return dict(changes.run("ussd", **arguments))
            return dict(changes.run("ussd.learn", **arguments, pattern=request.form.get("pattern") or None))

    def _console(sim_id: int, status: int = 200, **values: object) -> Response:
        sim = the_sim(changes, sim_id)
        operator = (sim["operator"] or "").casefold()
        learned = [
            one
            for one in changes.read("ussd.list")
            if one["sim"] == sim_id or (one["operator"] and one["operator"].casefold() == operator)
        ]
        place = places_in_box(context).get(sim_id)
        return page("ussd.html", status, sim=sim, place=place, learned=learned, **values)

    return blueprint
