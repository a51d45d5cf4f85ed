"""A new message: the form with its preview, the confirmation, and the sending."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response

from api.dashboard import choices, compose_form, message_words
from api.dashboard.changes import Changes, leave
from api.dashboard.compose_form import ComposeForm
from api.dashboard.guard import EVERYBODY, PageError, allowed, viewer
from api.dashboard.rendering import page
from api.dashboard.text_preview import shown_preview
from config.language.text import Sentences, Text
from gatewayd.errors import AdminError
from gatewayd.messages import recipient_list
from gatewayd.messages.recipient_list import RecipientListError
from modem.sms.gsm7_replacements import replaced

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway


def pages(gateway: Gateway, changes: Changes, zone: ZoneInfo) -> Blueprint:
    """The pages of a new message. `zone`: the time zone of the box."""
    blueprint = Blueprint("compose", __name__)

    def now() -> int:
        return gateway.dispatcher.moment().now

    def form_page(
        form: ComposeForm, faults: dict[str, Text] | None = None, fault: str | None = None
    ) -> Response:
        """The form as it was typed, with its preview and its faults."""
        companies = choices.active_companies(changes)
        known, _ = compose_form.arguments(form, zone, now())
        return page(
            "compose.html",
            422 if faults or fault else 200,
            form=form,
            faults=faults or {},
            fault=fault,
            preview=shown_preview(gateway, form, _with_company(known, companies)),
            companies=companies,
            sims=choices.sims(gateway, changes),
            priorities=message_words.PRIORITIES,
            zone=zone.key,
        )

    def confirmation(form: ComposeForm, fault: str | None = None) -> Response:
        """The page that says what will be sent and what it costs; or the form, where that cannot be.

        Messages to many belong to a campaign, so that they can be followed and cancelled together: without a number the
        campaign gets the local time as one.
        """
        known, faults = compose_form.arguments(form, zone, now())
        if faults:
            return form_page(form, faults)
        try:
            if not form.campaign and len(recipient_list.parsed(form.recipients).rows) > 1:
                form = replace(form, campaign=datetime.now(zone).strftime("%Y%m%d%H%M%S"))
                known["campaign"] = int(form.campaign)
            plan = changes.read("message.plan", **known)
        except RecipientListError as error:
            return form_page(form, fault=error.text)
        except AdminError as error:
            return form_page(form, fault=_text_of(error))
        return page(
            "compose_confirm.html",
            422 if fault else 200,
            form=compose_form.with_key(form, now()),
            plan=plan,
            fault=fault,
            send_at=known.get("send_at"),
            company_name=choices.companies(changes).get(plan["company"]),
            sim_name={str(sim): name for sim, name in choices.sims(gateway, changes)}.get(form.sim),
            priority=message_words.PRIORITIES[form.priority],
            may_send=plan["messages"] > 0
            and (plan["quota_left"] is None or plan["messages"] <= plan["quota_left"]),
        )

    def send(form: ComposeForm) -> Response:
        known, faults = compose_form.arguments(form, zone, now())
        faults.pop("send_at", None)  # the time may have passed since the confirmation: then it is sent now
        if faults:
            return form_page(form, faults)
        if not compose_form.is_fresh(form.key, now()):
            old = Text("this confirmation is too old: check the message once more, and send it")
            return confirmation(replace(form, key=""), old)
        try:
            result = changes.run("message.send_many", key=form.key, **known)
        except AdminError as error:
            return confirmation(form, _text_of(error))
        if not result["accepted"]:
            return confirmation(form, _outcome(result))
        return leave(_result_page(result), _outcome(result), failed=bool(result["not_sent"]))

    @blueprint.get("/compose")
    @allowed(*EVERYBODY)
    def compose() -> Response:
        sms_id = request.args.get("again", "")
        if not sms_id:
            return form_page(ComposeForm(recipients=request.args.get("to", "")[:40]))
        try:
            message = changes.read("message.show", sms_id=sms_id, company=viewer().company_id)
        except AdminError as error:
            raise PageError(404, Text("There is no such message on this box.")) from error
        return form_page(compose_form.again(message))

    @blueprint.post("/compose")
    @allowed(*EVERYBODY)
    def composed() -> Response:
        file = request.files.get("file")
        form = compose_form.posted(request.form, b"" if file is None else file.read(), viewer().company_id)
        match request.form.get("step"):
            case "confirm":
                return confirmation(form)
            case "send":
                return send(form)
            case "cheaper":
                return form_page(replace(form, text=replaced(form.text)))
            case _:
                return form_page(form)

    @blueprint.post("/compose/preview")
    @allowed(*EVERYBODY)
    def preview() -> Response:
        form = compose_form.posted(request.form, b"", viewer().company_id)
        known, _ = compose_form.arguments(form, zone, now())
        found = shown_preview(gateway, form, _with_company(known, choices.active_companies(changes)))
        return page("compose_preview.html", preview=found)

    return blueprint


def _with_company(arguments: dict[str, object], companies: list[tuple[int, str]]) -> dict[str, object]:
    """The arguments with the company that is chosen where none is named: the first one."""
    return {"company": companies[0][0], **arguments} if companies else arguments


def _result_page(result: dict[str, Any]) -> str:
    """The page on which the sending can be followed."""
    if result["campaign"] is not None:
        return url_for("campaigns.campaign", company=result["company"], campaign=result["campaign"])
    return url_for("messages.message", sms_id=result["first"])


def _outcome(result: dict[str, Any]) -> Text:
    """The result of a sending, as a notice."""
    texts: list[Text] = []
    if result["accepted"] == 1:
        texts.append(Text("The message is accepted."))
    elif result["accepted"]:
        texts.append(Text("{count} messages are accepted.", count=result["accepted"]))
    texts += [
        Text("{count} are refused: {reason}.", count=each["messages"], reason=each["reason"])
        for each in result["reasons"]
    ]
    if result["not_sent"]:
        texts.append(
            Text("{count} are not sent: {reason}.", count=result["not_sent"], reason=result["stopped"])
        )
    return Sentences(texts)


def _text_of(error: AdminError) -> str:
    text = error.args[0] if error.args else str(error)
    return text if isinstance(text, str) else str(error)
