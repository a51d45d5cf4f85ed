"""Received texts as conversations with replies, a search, and the texts that could not be decoded."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from flask import Blueprint, abort, redirect, request, url_for
from werkzeug.wrappers import Response

from api.dashboard.changes import Changes
from api.dashboard.guard import EVERYBODY, allowed, viewer
from api.dashboard.rendering import page
from api.dashboard.scope import chosen_company, company_names, id_of, whole
from config.language.text import Text, text_of
from gatewayd.accounts.persons import Role
from gatewayd.admin.context import Context
from gatewayd.errors import AdminError
from gatewayd.receiving import conversations as talks
from gatewayd.receiving.conversations import Place, Talk
from gatewayd.records import LONGEST_TEXT, Status
from gatewayd.store.tables import conversations

_LINES: Final = 50
_ROWS: Final = 25
_UNREADABLE: Final = 100
_LONGEST_SEARCH: Final = 100

_STATES: Final = {
    Status.PENDING: (Text("pending"), "work"),
    Status.SENT: (Text("sent"), "work"),
    Status.DELIVERED: (Text("delivered"), "good"),
    Status.FAILED: (Text("failed"), "bad"),
    Status.CANCELLED: (Text("cancelled"), "off"),
}


def pages(context: Context, changes: Changes) -> Blueprint:
    """The pages of received texts."""
    blueprint = Blueprint("inbox", __name__)

    @blueprint.get("/inbox")
    @allowed(*EVERYBODY)
    def inbox() -> Response:
        company, words = chosen_company(), _words()
        if words and (number := _known_number(context, company, words)) is not None:
            return redirect(url_for("inbox.conversation", number=number, company=company), 303)
        before = id_of(request.args.get("before"))
        shared = {"company": company, "companies": company_names(changes), "words": words, "before": before}
        with context.shared.lists.lend() as db:
            if words:
                found = conversations.search(db, company, words, before, _ROWS)
                return page("inbox_search.html", part=found, **shared)
            part = conversations.correspondents(db, company, before, _ROWS)
        return page("inbox.html", part=part, states=_STATES, most_unread=conversations.MOST_UNREAD, **shared)

    @blueprint.get("/inbox/conversation")
    @allowed(*EVERYBODY)
    def conversation() -> Response:
        return _conversation("inbox_conversation.html", text="")

    @blueprint.get("/inbox/conversation/lines")
    @allowed(*EVERYBODY)
    def lines() -> Response:
        return _conversation("inbox_lines.html", text="")

    @blueprint.post("/inbox/conversation/read")
    @allowed(*EVERYBODY)
    def mark_read() -> Response:
        company, number = chosen_company(), request.args.get("number", "")
        arguments = {"sender": number, "until": whole(request.form.get("until"), 0), "company": company}
        if request.headers.get("HX-Request"):
            changes.run("inbox.mark_read", **arguments)
            return Response(status=204)
        done = Text("The conversation is marked as read.")
        return changes.make(_address(number, company), done, "inbox.mark_read", arguments)

    @blueprint.post("/inbox/conversation/reply")
    @allowed(*EVERYBODY)
    def reply() -> Response:
        company, number, text = chosen_company(), request.args.get("number", ""), _typed()
        sender = company if viewer().role is Role.COMPANY else whole(request.form.get("sender"), None)
        try:
            changes.run("inbox.reply", recipient=number, text=text, company=sender)
        except AdminError as error:
            return _conversation("inbox_conversation.html", 422, text=text, error=text_of(error))
        return redirect(_address(number, company) + "#newest", 303)

    @blueprint.get("/inbox/unreadable")
    @allowed(Role.OWNER, Role.OPERATOR)
    def unreadable() -> Response:
        return page("inbox_unreadable.html", texts=changes.read("inbox.unreadable", limit=_UNREADABLE))

    def _conversation(template: str, status: int = 200, **values: object) -> Response:
        company, number = chosen_company(), request.args.get("number", "")
        place = Place(id_of(request.args.get("texts")), id_of(request.args.get("messages")))
        with context.shared.readers.lend() as db:
            talk = talks.read(db, company, number, place, _LINES)
            unread = conversations.unread(db, company, number)
        if not talk.lines and place == Place():
            abort(404)
        return page(
            template,
            status,
            number=number,
            company=company,
            companies=company_names(changes),
            talk=talk,
            is_newest=place == Place(),
            unread=unread,
            newest_text=max((each.text.id for each in talk.lines if each.text is not None), default=0),
            sender=_company_of(talk),
            can_answer=_is_recipient(context, number),
            states=_STATES,
            longest=LONGEST_TEXT,
            **values,
        )

    return blueprint


def _words() -> str:
    return request.args.get("q", "").strip()[:_LONGEST_SEARCH]


def _typed() -> str:
    """The text of the form. Browsers end the lines of a text with CR and LF."""
    return request.form.get("text", "").replace("\r\n", "\n")


def _known_number(context: Context, company: int | None, words: str) -> str | None:
    """The number that the words of a search are, if there is a conversation with it."""
    number = context.numbering.of_line("".join(words.split()))
    with context.shared.readers.lend() as db:
        talk = talks.read(db, company, number, Place(), 1)
    return number if talk.lines else None


def _company_of(talk: Talk) -> int | None:
    """The company of the newest line that has one."""
    return next((line.company_id for line in reversed(talk.lines) if line.company_id), None)


def _is_recipient(context: Context, number: str) -> bool:
    """Whether the box sends to a number. It does not to names and to most short numbers."""
    try:
        context.numbering.e164(number)
    except ValueError:
        return False
    return True


def _address(number: str, company: int | None) -> str:
    chosen = {} if company is None or viewer().role is Role.COMPANY else {"company": company}
    return f"{url_for('inbox.conversation')}?{urlencode({'number': number, **chosen})}"
