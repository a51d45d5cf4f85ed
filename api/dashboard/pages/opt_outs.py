"""Opt-outs: the numbers that want no campaigns from a company, with the evidence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response

from api.dashboard.changes import Changes
from api.dashboard.guard import EVERYBODY, allowed, viewer
from api.dashboard.rendering import page
from api.dashboard.scope import chosen_company, company_names, id_of
from config.language.text import Text
from gatewayd.admin.context import Context
from gatewayd.spreadsheets import csv_row
from gatewayd.store.tables import opt_outs as table
from gatewayd.timekeeping.clock import iso

_ROWS: Final = 50
_EXPORTED_AT_A_TIME: Final = 5_000
_LONGEST_SEARCH: Final = 30

_SOURCES: Final = {
    "text": Text("by text"),
    "api": Text("by a program"),
    "cli": Text("by the command line"),
    "dashboard": Text("by a person on this page"),
}

# With a byte order mark, so that a spreadsheet reads the letters as UTF-8.
_MARK: Final = "\ufeff"


def pages(context: Context, changes: Changes) -> Blueprint:
    """The pages of opt-outs."""
    blueprint = Blueprint("opt_outs", __name__)

    @blueprint.get("/opt-outs")
    @allowed(*EVERYBODY)
    def opt_outs() -> Response:
        company, before = chosen_company(), id_of(request.args.get("before"))
        number = "".join(request.args.get("q", "").split())[:_LONGEST_SEARCH]
        ended = "ended" in request.args
        with context.shared.lists.lend() as db:
            found = table.search(db, company, number, before, _ROWS + 1, in_force=None if ended else True)
        return page(
            "opt_outs.html",
            rows=found[:_ROWS],
            older=found[_ROWS - 1].id if len(found) > _ROWS else None,
            before=before,
            number=number,
            ended=ended,
            company=company,
            companies=company_names(changes),
            sources=_SOURCES,
        )

    @blueprint.post("/opt-outs/add")
    @allowed(*EVERYBODY)
    def add() -> Response:
        arguments = {
            "recipient": "".join(request.form.get("recipient", "").split()),
            "company": _company_of_form(),
            "reason": request.form.get("reason", "").strip() or None,
            "source": "dashboard",
        }
        return changes.make(
            url_for("opt_outs.opt_outs"),
            lambda record: Text("{number} gets no more campaigns.", number=record["recipient"]),
            "opt_out.add",
            arguments,
        )

    @blueprint.post("/opt-outs/remove")
    @allowed(*EVERYBODY)
    def remove() -> Response:
        number = request.form.get("recipient", "")
        done = Text("{number} gets campaigns again.", number=number)
        arguments = {"recipient": number, "company": _company_of_form(), "source": "dashboard"}
        return changes.make(url_for("opt_outs.opt_outs"), done, "opt_out.remove", arguments)

    @blueprint.get("/opt-outs.csv")
    @allowed(*EVERYBODY)
    def export() -> Response:
        response = Response(_csv(context, chosen_company()), mimetype="text/csv")
        response.headers["Content-Disposition"] = 'attachment; filename="opt-outs.csv"'
        return response

    return blueprint


def _company_of_form() -> int | None:
    """The company that a form names; for a person of one company that one."""
    own = viewer().company_id
    return own if own is not None else id_of(request.form.get("company"))


_COLUMNS: Final = (
    "id",
    "company",
    "recipient",
    "opted_out_at",
    "source",
    "reason",
    "text",
    "ended_at",
    "ended_source",
    "ended_text",
)


def _csv(context: Context, company: int | None) -> Iterator[str]:
    """All opt-outs as comma-separated values, read some at a time."""
    yield _MARK + csv_row(_COLUMNS)
    after = 0
    while True:
        with context.shared.lists.lend() as db:
            found = table.every(db, company, after, _EXPORTED_AT_A_TIME)
        if not found:
            return
        after = found[-1].id
        yield "".join(
            csv_row(
                (
                    one.id,
                    one.company_id,
                    one.recipient,
                    iso(one.opted_out_at),
                    one.source,
                    one.reason,
                    one.text,
                    None if one.ended_at is None else iso(one.ended_at),
                    one.ended_source,
                    one.ended_text,
                )
            )
            for one in found
        )
