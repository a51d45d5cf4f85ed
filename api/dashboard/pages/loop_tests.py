"""The loop test: SIM cards of the box text each other."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response

from api.dashboard.changes import Changes, leave
from api.dashboard.guard import allowed
from api.dashboard.pages.sims import places_in_box
from api.dashboard.rendering import page
from api.dashboard.scope import id_of
from config.language.text import Text, text_of
from gatewayd.accounts.persons import Role
from gatewayd.admin.context import Context
from gatewayd.errors import AdminError

_TESTS: Final = 50

OUTCOMES: Final = {
    "running": (Text("on its way"), "work"),
    "arrived": (Text("arrived"), "good"),
    "unreported": (Text("arrived without a report"), "warn"),
    "not_sent": (Text("not sent"), "bad"),
    "lost": (Text("lost"), "bad"),
    "elsewhere": (Text("arrived elsewhere"), "bad"),
    "interrupted": (Text("interrupted"), "off"),
}
"""Each outcome of a test in words, and the tone of its badge."""


def pages(context: Context, changes: Changes) -> Blueprint:
    """The pages of loop tests."""
    blueprint = Blueprint("loop_tests", __name__)

    @blueprint.get("/sims/loop-test")
    @allowed(Role.OWNER, Role.OPERATOR)
    def loop_test() -> Response:
        tests, places = changes.read("loop_test.list", limit=_TESTS), places_in_box(context)
        sims = {one["id"]: one for one in changes.read("sim.list")}
        return page(
            "loop_test.html",
            tests=tests,
            running=any(one["outcome"] == "running" for one in tests),
            sims=sims,
            there=[sims[sim_id] for sim_id in sorted(places) if sim_id in sims],
            places=places,
            source=id_of(request.args.get("source")),
            outcomes=OUTCOMES,
        )

    @blueprint.post("/sims/loop-test")
    @allowed(Role.OWNER, Role.OPERATOR)
    def begin() -> Response:
        arguments = {"source": _place("source"), "target": _place("target")}
        try:
            # The round goes on by itself: the page asks for its tests, and nobody waits for the result here.
            changes.run("loop_test", **arguments).close()
        except AdminError as error:
            return leave(url_for("sims.loop_tests.loop_test"), text_of(error), failed=True)
        return leave(
            url_for("sims.loop_tests.loop_test"), Text("The texts are on their way; this may take minutes.")
        )

    return blueprint


def _place(field: str) -> str | None:
    """The SIM that a field of the form names, as `loop_test` reads it; None: any."""
    sim_id = id_of(request.form.get(field))
    return None if sim_id is None else f"sim:{sim_id}"
