"""Messages: the search, and one message with its history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response

from api.dashboard import choices, message_words, search_form
from api.dashboard.changes import Changes
from api.dashboard.guard import EVERYBODY, PageError, allowed, viewer
from api.dashboard.languages import language
from api.dashboard.message_history import time_line
from api.dashboard.rendering import page
from config.language.text import Text
from gatewayd.accounts.persons import Role
from gatewayd.errors import AdminError

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway

_VERDICTS: dict[str, Text] = {
    "sent": Text("The message counts as sent."),
    "failed": Text("The message counts as failed."),
    "retry": Text("The message is sent once more."),
}


def pages(gateway: Gateway, changes: Changes, zone: ZoneInfo) -> Blueprint:
    """The pages of messages. `zone`: the time zone of the box."""
    blueprint = Blueprint("messages", __name__)

    @blueprint.app_template_filter("reason")
    def reason(text: str | None) -> str | None:
        return message_words.in_one_language(text, language())

    @blueprint.app_template_global("message_status")
    def message_status(message: dict[str, Any]) -> tuple[Text, str]:
        return message_words.status_of(message)

    def own(sms_id: str) -> dict[str, Any]:
        """One message, if the person may see it."""
        try:
            found: dict[str, Any] = changes.read("message.show", sms_id=sms_id, company=viewer().company_id)
        except AdminError as error:
            raise PageError(404, Text("There is no such message on this box.")) from error
        return found

    def shown(template: Literal["message.html", "message_state.html"], sms_id: str) -> Response:
        message = own(sms_id)
        company = message["company"]
        return page(
            template,
            message=message,
            steps=time_line(message, language()),
            priorities=message_words.PRIORITIES,
            company_name=choices.companies(changes).get(company),
            company_address=choices.address_for("companies.company", company_id=company),
            sim_address=choices.address_for("sims.sim", sim_id=message["sim"]),
        )

    @blueprint.get("/messages")
    @allowed(*EVERYBODY)
    def search() -> Response:
        fields = search_form.given(request.args)
        if viewer().company_id is not None:
            fields.pop("company", None)
        wanted = search_form.arguments(fields, zone)
        if viewer().company_id is not None:
            wanted["company"] = viewer().company_id
        before = search_form.whole_number(request.args.get("before", ""))
        if before is not None and before >= 0:
            wanted["before"] = before
        fault: str | None = None
        found: dict[str, Any] = {"messages": [], "next": None, "exhausted": None}
        try:
            found = changes.read("message.search", **wanted)
        except AdminError as error:
            fault = error.args[0]
        following = None
        if found["next"] is not None:
            following = url_for("messages.search", **{**fields, "before": found["next"]})
        return page(
            "messages.html",
            422 if fault else 200,
            fields=fields,
            fault=fault,
            found=found,
            following=following,
            later=before is not None,
            companies=choices.companies(changes),
            sims=choices.sims(gateway, changes),
            statuses=message_words.STATUSES,
            more=any(name in fields for name in search_form.LESS_USED),
        )

    @blueprint.get("/messages/<sms_id>")
    @allowed(*EVERYBODY)
    def message(sms_id: str) -> Response:
        return shown("message.html", sms_id)

    @blueprint.get("/messages/<sms_id>/state")
    @allowed(*EVERYBODY)
    def state(sms_id: str) -> Response:
        return shown("message_state.html", sms_id)

    @blueprint.post("/messages/<sms_id>/cancel")
    @allowed(*EVERYBODY)
    def cancel(sms_id: str) -> Response:
        own(sms_id)
        back = url_for("messages.message", sms_id=sms_id)
        return changes.make(back, Text("The message is cancelled."), "message.cancel", {"sms_id": sms_id})

    @blueprint.post("/messages/<sms_id>/settle")
    @allowed(Role.OWNER, Role.OPERATOR)
    def settle(sms_id: str) -> Response:
        own(sms_id)
        verdict = request.form.get("verdict", "")
        if verdict not in _VERDICTS:
            raise PageError(400, Text("The request cannot be understood."))
        return changes.make(
            url_for("messages.message", sms_id=sms_id),
            _VERDICTS[verdict],
            "message.settle",
            {"sms_id": sms_id, "verdict": verdict},
        )

    return blueprint
