"""The audit log: which person changed what, and when."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, request
from werkzeug.wrappers import Response

from api.dashboard.action_names import ACTIONS, action_name, details
from api.dashboard.guard import allowed
from api.dashboard.rendering import page
from gatewayd.accounts.persons import Role
from gatewayd.admin.audit import COMMAND_LINE, DONE
from gatewayd.admin.context import Context
from gatewayd.store.tables import audit_log, persons

_PAGE: Final = 50
_LARGEST_ID: Final = 2**63 - 1


def pages(context: Context) -> Blueprint:
    """The page of the audit log."""
    blueprint = Blueprint("audit", __name__)

    @blueprint.get("/audit")
    @allowed(Role.OWNER, Role.OPERATOR)
    def audit() -> Response:
        person, action = request.args.get("person", "")[:64], request.args.get("action", "")[:64]
        with context.store.lists.lend() as db:
            found = audit_log.page(db, _PAGE + 1, _id("before"), person=person or None, action=action or None)
            logins = [each.login for each in persons.persons(db)]
        return page(
            "audit.html",
            entries=found[:_PAGE],
            more=found[_PAGE - 1].id if len(found) > _PAGE else None,
            person=person,
            action=action,
            logins=sorted({*logins, *filter(None, [person])} - {COMMAND_LINE.login}),
            command_line=COMMAND_LINE.login,
            actions=ACTIONS,
            name_of=action_name,
            details_of=details,
            done=DONE,
        )

    return blueprint


def _id(name: str) -> int | None:
    """An id of the query, or None."""
    text = request.args.get(name, "")
    return min(int(text), _LARGEST_ID) if text.isascii() and text.isdecimal() and len(text) < 20 else None
