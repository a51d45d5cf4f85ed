"""Companies: their quotas, their rule for opt-outs and their sending windows."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, request, url_for
from werkzeug.wrappers import Response

from api.dashboard.changes import Changes, leave
from api.dashboard.form_values import ROW_ID, checked, text, whole_number
from api.dashboard.guard import allowed
from api.dashboard.rendering import page
from config.language.text import Text
from gatewayd.accounts.persons import Role
from gatewayd.errors import AdminError

OPT_OUT_RULES = (
    ("bulk", Text("campaigns and bulk messages")),
    ("all", Text("all messages except transactional ones")),
)

_QUOTA = Text("Monthly quota")


def pages(changes: Changes) -> Blueprint:
    """The pages of companies."""
    blueprint = Blueprint("companies", __name__)

    def listed(status: int = 200, error: object = None) -> Response:
        return page(
            "companies.html",
            status,
            companies=changes.read("company.list"),
            error=error,
            typed=request.form,
            rules=dict(OPT_OUT_RULES),
        )

    def shown(company_id: int) -> dict[str, Any]:
        found = next((each for each in changes.read("company.list") if each["id"] == company_id), None)
        if found is None:
            abort(404)
        return dict(found)

    def form(company: dict[str, Any], status: int = 200, error: object = None) -> Response:
        return page(
            "companies_one.html",
            status,
            company=company,
            values=request.form if request.method == "POST" else form_of(company),
            notes=changes.read("company.show", company=company["id"])["notes"],
            rules=OPT_OUT_RULES,
            error=error,
        )

    @blueprint.get("/companies")
    @allowed(Role.OWNER, Role.OPERATOR)
    def companies() -> Response:
        return listed()

    @blueprint.post("/companies")
    @allowed(Role.OWNER, Role.OPERATOR)
    def add() -> Response:
        try:
            made = changes.run("company.add", name=text("name"), quota=whole_number("quota", _QUOTA))
        except AdminError as error:
            return listed(422, error.args[0])
        return leave(
            url_for(".company", company_id=made["id"]),
            Text("The company {name} is added. It needs an API key to send.", name=made["name"]),
        )

    @blueprint.get(f"/companies/<{ROW_ID}:company_id>")
    @allowed(Role.OWNER, Role.OPERATOR)
    def company(company_id: int) -> Response:
        return form(shown(company_id))

    @blueprint.post(f"/companies/<{ROW_ID}:company_id>")
    @allowed(Role.OWNER, Role.OPERATOR)
    def change(company_id: int) -> Response:
        present = shown(company_id)
        try:
            changes.run("company.set", company=company_id, changes=_changes())
        except AdminError as error:
            return form(present, 422, error.args[0])
        return leave(url_for(".company", company_id=company_id), Text("The company is changed."))

    return blueprint


def form_of(company: dict[str, Any]) -> dict[str, Any]:
    """The fields of the form that show a company as it is."""
    begins, _, ends = (company["window"] or "").partition("-")
    return {
        "name": company["name"],
        "active": company["active"],
        "quota": company["quota"],
        "opt_outs": company["opt_outs"],
        "window_from": begins,
        "window_until": ends,
    }


def _changes() -> dict[str, object]:
    """The values of the form, as `company.set` takes them."""
    begins, ends = text("window_from"), text("window_until")
    if bool(begins) != bool(ends):
        raise AdminError(Text("A sending window needs both hours. Leave both empty to send always."))
    return {
        "name": text("name"),
        "active": checked("active"),
        "quota": whole_number("quota", _QUOTA),
        "opt_outs": "all" if text("opt_outs") == "all" else "bulk",
        "sending_window": f"{begins}-{ends}" if begins else None,
    }
