"""The statement of a company and a month: to read, to print, and as CSV."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from flask import Blueprint, abort, request
from flask import Response as FlaskResponse
from werkzeug.wrappers import Response

from api.dashboard.changes import Changes
from api.dashboard.guard import EVERYBODY, allowed, viewer
from api.dashboard.languages import language
from api.dashboard.rendering import page
from gatewayd.accounts.statements import as_csv
from gatewayd.errors import AdminError

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


def pages(changes: Changes) -> Blueprint:
    """The pages of the statement. A person of a company sees that company's."""
    blueprint = Blueprint("statement", __name__)

    def companies() -> dict[int, str]:
        own = viewer().company_id
        rows = changes.read("company.list")
        return {each["id"]: each["name"] for each in rows if own is None or each["id"] == own}

    def wanted(known: dict[int, str]) -> dict[str, Any] | None:
        """The statement that the address asks for; None where there is no company at all."""
        given, month = request.args.get("company", ""), request.args.get("month", "")
        if given and (not given.isascii() or not given.isdigit() or int(given[:19]) not in known):
            abort(404)
        if not known:
            return None
        company = int(given) if given else next(iter(known))
        try:
            found: dict[str, Any] = changes.read(
                "company.statement", company=company, month=month if _MONTH.fullmatch(month) else None
            )
        except AdminError:
            abort(404)
        return found

    @blueprint.get("/statement")
    @allowed(*EVERYBODY)
    def statement() -> Response:
        known = companies()
        found = wanted(known)
        months = [] if found is None else sorted({*found["months"], found["month"]}, reverse=True)
        return page("statement.html", companies=known, statement=found, months=months)

    @blueprint.get("/statement.csv")
    @allowed(*EVERYBODY)
    def as_file() -> Response:
        found = wanted(companies())
        if found is None:
            abort(404)
        name = f"gatewayd-{found['month']}-{found['name']}.csv"
        answer = FlaskResponse(as_csv(found, language()), mimetype="text/csv")
        answer.headers["Content-Disposition"] = (
            f"attachment; filename=\"statement-{found['month']}.csv\"; filename*=UTF-8''{quote(name, safe='')}"
        )
        return answer

    return blueprint
