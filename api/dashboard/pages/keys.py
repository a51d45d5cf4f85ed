"""API keys: an owner makes and deactivates them, and a company sees its own."""

from __future__ import annotations

from typing import Any, Final
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, request, url_for
from werkzeug.wrappers import Response

from api.dashboard import shown_once
from api.dashboard.changes import Changes, leave
from api.dashboard.form_values import ROW_ID, checked, end_of_day, text
from api.dashboard.guard import allowed, viewer
from api.dashboard.rendering import page
from config.language.text import Text
from gatewayd.accounts.authenticator import SERVICES
from gatewayd.accounts.persons import Role
from gatewayd.errors import AdminError
from gatewayd.records import RIGHTS
from gatewayd.timekeeping.clock import Clock, iso

_RIGHTS: Final = {
    "transactional": Text("send transactional messages, which opt-outs do not block"),
    "webhooks": Text("manage webhooks"),
}


def pages(changes: Changes, clock: Clock, zone: ZoneInfo) -> Blueprint:
    """The pages of keys. `zone`: of the box; a key expires at the end of a day there."""
    blueprint = Blueprint("keys", __name__)

    def visible() -> list[dict[str, Any]]:
        """The keys that the viewer may see: all, or those of the viewer's company."""
        own, now = viewer().company_id, iso(clock.now())
        return [
            {**key, "state": state_of(key, now)}
            for key in changes.read("key.list")
            if own is None or key["company"] == own
        ]

    def companies() -> dict[int, str]:
        own = viewer().company_id
        rows = changes.read("company.list")
        return {each["id"]: each["name"] for each in rows if own is None or each["id"] == own}

    def listed(status: int = 200, error: object = None) -> Response:
        company = request.args.get("company", "")
        keys = [key for key in visible() if company in ("", str(key["company"]))]
        return page(
            "keys.html",
            status,
            keys=keys,
            companies=companies(),
            company=company,
            rights=[(right, _RIGHTS[right]) for right in RIGHTS],
            services=[(each, each) for each in SERVICES],
            typed=request.form,
            typed_rights=request.form.getlist("rights"),
            error=error,
        )

    @blueprint.get("/keys")
    @allowed(Role.OWNER, Role.COMPANY)
    def keys() -> Response:
        return listed()

    @blueprint.post("/keys")
    @allowed(Role.OWNER)
    def add() -> Response:
        try:
            made = changes.run(
                "key.add",
                company=_company(),
                service=text("service"),
                admin=checked("admin"),
                sandbox=checked("sandbox"),
                rights=",".join(request.form.getlist("rights")),
                expires_at=end_of_day("expires", Text("Valid until"), zone),
            )
        except AdminError as error:
            return listed(422, error.args[0])
        shown_once.keep(f"key {made['id']}", made["key"])
        return leave(url_for(".key", key_id=made["id"]))

    @blueprint.get(f"/keys/<{ROW_ID}:key_id>")
    @allowed(Role.OWNER, Role.COMPANY)
    def key(key_id: int) -> Response:
        found = next((each for each in visible() if each["id"] == key_id), None)
        if found is None:
            abort(404)
        secret = shown_once.take(f"key {key_id}") if viewer().role is Role.OWNER else None
        shown = page(
            "keys_one.html", key=found, company=companies()[found["company"]], secret=secret, rights=_RIGHTS
        )
        return shown_once.never_cached(shown)

    @blueprint.post(f"/keys/<{ROW_ID}:key_id>")
    @allowed(Role.OWNER)
    def switch(key_id: int) -> Response:
        active = text("active") == "yes"
        done = Text("The key is active again.") if active else Text("The key is deactivated.")
        return changes.make(
            url_for(".key", key_id=key_id), done, "key.set", {"key": key_id, "changes": {"active": active}}
        )

    return blueprint


def state_of(key: dict[str, Any], now: str) -> str:
    """The state of a key as `key.list` shows it: active, inactive or expired. `now`: ISO 8601 in UTC."""
    if not key["active"]:
        return "inactive"
    return "expired" if key["expires"] is not None and key["expires"] <= now else "active"


def _company() -> int:
    given = text("company")
    if not given.isascii() or not given.isdigit() or len(given) > 18:
        raise AdminError(Text("Choose the company of the key."))
    return int(given)
