"""Webhooks: their health, deliveries with attempts, tests, rotations and replays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, request, url_for
from werkzeug.wrappers import Response

from api.dashboard import shown_once
from api.dashboard.changes import Changes, leave
from api.dashboard.form_values import ROW_ID, checked, start_of_day, text, whole_number
from api.dashboard.guard import PageError, allowed
from api.dashboard.rendering import page
from api.server.wait_limit import WaitLimit
from config.language.text import Text
from gatewayd.accounts.persons import Role
from gatewayd.errors import AdminError, NotFoundError
from gatewayd.records import EventType
from gatewayd.webhooks.documents import delivery_document, webhook_document

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway

_DELIVERIES = 30
_STATUSES: Final = ("pending", "delivered", "failed")

# A test waits up to 15 s for the receiver; the other threads of the server must stay free for programs.
_TESTS_AT_A_TIME = 2


def pages(gateway: Gateway, changes: Changes, zone: ZoneInfo, wait_limit: WaitLimit) -> Blueprint:
    """The pages of webhooks. `zone`: of the box; a replay begins at the start of a day there. `wait_limit`: of all requests that wait."""
    blueprint = Blueprint("webhooks", __name__)

    def companies() -> dict[int, str]:
        return {each["id"]: each["name"] for each in changes.read("company.list")}

    def listed(status: int = 200, error: object = None) -> Response:
        company = request.args.get("company", "")
        found = [each for each in changes.read("webhook.list") if company in ("", str(each["company"]))]
        return page(
            "webhooks.html",
            status,
            webhooks=found,
            companies=companies(),
            company=company,
            types=[each.value for each in EventType],
            typed=request.form,
            typed_types=request.form.getlist("types"),
            error=error,
        )

    def one(webhook_id: int, status: int = 200, error: object = None) -> Response:
        wanted, cursor = request.args.get("status", ""), request.args.get("before", "")
        try:
            webhook = gateway.webhooks.one(None, webhook_id)
            newest, next_cursor = gateway.webhooks.deliveries(
                None,
                webhook_id,
                wanted if wanted in _STATUSES else None,
                _DELIVERIES,
                int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) <= 18 else None,
            )
        except NotFoundError:
            abort(404)
        document = webhook_document(webhook)
        typed = request.form if error is not None else None
        shown = page(
            "webhooks_one.html",
            status,
            webhook=document,
            company=companies().get(webhook.company_id, ""),
            secret=shown_once.take(f"webhook {webhook_id}"),
            deliveries=[delivery_document(each) for each in newest],
            statuses=_STATUSES,
            status_filter=wanted,
            next_cursor=next_cursor,
            types=[each.value for each in EventType],
            url=document["url"] if typed is None else typed.get("url", ""),
            description=document["description"] if typed is None else typed.get("description", ""),
            chosen=(document["types"] or []) if typed is None else typed.getlist("types"),
            error=error,
        )
        return shown_once.never_cached(shown)

    @blueprint.get("/webhooks")
    @allowed(Role.OWNER, Role.OPERATOR)
    def webhooks() -> Response:
        return listed()

    @blueprint.post("/webhooks")
    @allowed(Role.OWNER, Role.OPERATOR)
    def add() -> Response:
        try:
            company = whole_number("company", Text("Company"))
            if company is None:
                raise AdminError(Text("Choose the company of the webhook."))
            made = changes.run(
                "webhook.add",
                company=company,
                url=text("url"),
                types=request.form.getlist("types") or None,
                description=text("description"),
                box=checked("box"),
            )
        except AdminError as error:
            return listed(422, error.args[0])
        shown_once.keep(f"webhook {made['id']}", made["secret"])
        return leave(_address(made["id"]))

    @blueprint.get(f"/webhooks/<{ROW_ID}:webhook_id>")
    @allowed(Role.OWNER, Role.OPERATOR)
    def webhook(webhook_id: int) -> Response:
        return one(webhook_id)

    @blueprint.post(f"/webhooks/<{ROW_ID}:webhook_id>")
    @allowed(Role.OWNER, Role.OPERATOR)
    def change(webhook_id: int) -> Response:
        values = {
            "url": text("url"),
            "types": request.form.getlist("types") or None,
            "description": text("description"),
        }
        try:
            changes.run("webhook.set", webhook=webhook_id, changes=values)
        except AdminError as error:
            return one(webhook_id, 422, error.args[0])
        return leave(_address(webhook_id), Text("The webhook is changed."))

    _add_actions(blueprint, changes, zone, WaitLimit(_TESTS_AT_A_TIME, wait_limit))
    return blueprint


def _add_actions(blueprint: Blueprint, changes: Changes, zone: ZoneInfo, tests: WaitLimit) -> None:
    """Add the buttons of one webhook."""

    @blueprint.post(f"/webhooks/<{ROW_ID}:webhook_id>/state")
    @allowed(Role.OWNER, Role.OPERATOR)
    def switch(webhook_id: int) -> Response:
        on = text("state") == "ok"
        done = Text("The webhook is on. What it missed is sent.") if on else Text("The webhook is paused.")
        return changes.make(
            _address(webhook_id),
            done,
            "webhook.set",
            {"webhook": webhook_id, "changes": {"state": "ok" if on else "disabled"}},
        )

    @blueprint.post(f"/webhooks/<{ROW_ID}:webhook_id>/rotate")
    @allowed(Role.OWNER, Role.OPERATOR)
    def rotate(webhook_id: int) -> Response:
        try:
            rotated = changes.run("webhook.rotate", webhook=webhook_id, revoke=checked("revoke"))
        except AdminError as error:
            return leave(_address(webhook_id), error.args[0], failed=True)
        shown_once.keep(f"webhook {webhook_id}", rotated["secret"])
        return leave(_address(webhook_id))

    @blueprint.post(f"/webhooks/<{ROW_ID}:webhook_id>/test")
    @allowed(Role.OWNER, Role.OPERATOR)
    def test(webhook_id: int) -> Response:
        with tests.acquire() as may_wait:
            if not may_wait:
                raise PageError(503, Text("Other tests are running. Try again in a moment."))
            try:
                attempt = changes.run("webhook.test", webhook=webhook_id)
            except AdminError as error:
                return leave(_address(webhook_id), error.args[0], failed=True)
        return leave(_address(webhook_id), said_of(attempt), failed=attempt["error"] is not None)

    @blueprint.post(f"/webhooks/<{ROW_ID}:webhook_id>/replay")
    @allowed(Role.OWNER, Role.OPERATOR)
    def replay(webhook_id: int) -> Response:
        event = text("event")
        wanted: dict[str, object] = {"webhook": webhook_id}
        try:
            if event:
                wanted["event"] = event
            else:
                wanted |= {
                    "since": start_of_day("since", Text("From"), zone),
                    "only": "all" if text("only") == "all" else "missing",
                }
        except AdminError as error:
            return leave(_address(webhook_id), error.args[0], failed=True)
        return changes.make(_address(webhook_id), _replayed, "webhook.replay", wanted)

    @blueprint.post(f"/webhooks/<{ROW_ID}:webhook_id>/remove")
    @allowed(Role.OWNER, Role.OPERATOR)
    def remove(webhook_id: int) -> Response:
        return changes.make(
            url_for(".webhooks"), Text("The webhook is deleted."), "webhook.remove", {"webhook": webhook_id}
        )


def _address(webhook_id: int) -> str:
    return url_for("webhooks.webhook", webhook_id=webhook_id)


def said_of(attempt: dict[str, Any]) -> Text:
    """The result of a test as a sentence."""
    if attempt["error"] is None:
        return Text(
            "The receiver took the test event: it answered {status} in {ms} ms.",
            status=attempt["status_code"],
            ms=attempt["duration_ms"],
        )
    if attempt["status_code"] is None:
        return Text("The test event did not arrive: {reason}", reason=attempt["error"])
    return Text(
        "The receiver refused the test event: {reason} It answered: {answer}",
        reason=attempt["error"],
        answer=(attempt["response"] or "–")[:200],
    )


def _replayed(result: dict[str, Any]) -> Text:
    if not result["queued"]:
        return Text("There was nothing to send again.")
    if result["complete"]:
        return Text("Events that are sent again: {count}.", count=result["queued"])
    return Text(
        "Events that are sent again: {count}. Not all were looked at: send again for the rest.",
        count=result["queued"],
    )
