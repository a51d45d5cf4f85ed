"""Logging in and out, and the switch of the language."""

from __future__ import annotations

import math
import time
from typing import Final

from flask import Blueprint, request
from werkzeug.wrappers import Response

from api.access.client_address import client_address, client_group
from api.access.rate_limit import WrongKeyLimit
from api.dashboard import guard
from api.dashboard.changes import leave
from api.dashboard.guard import PageError, allowed, public, viewer
from api.dashboard.languages import COOKIE as LANGUAGE_COOKIE
from api.dashboard.rendering import duration, page
from config.language.catalogue import LANGUAGES
from config.language.text import Text
from config.settings import ApiSettings
from gatewayd.accounts.persons import LONGEST, Sessions
from gatewayd.timekeeping.clock import SECOND

# Wrong passwords for one login, from all addresses together, and from one address.
_WRONG_PER_MINUTE: Final = 10


def pages(sessions: Sessions, settings: ApiSettings) -> Blueprint:
    """The pages of sessions."""
    blueprint = Blueprint("sessions", __name__)
    by_address = WrongKeyLimit(_WRONG_PER_MINUTE)
    by_login = WrongKeyLimit(_WRONG_PER_MINUTE)

    def address() -> str:
        return client_group(
            client_address(
                request.remote_addr or "",
                request.headers.get("X-Forwarded-For", ""),
                settings.trusted_proxies,
            )
        )

    @blueprint.get("/login")
    @public
    def login() -> Response:
        return page("login.html", next=_local(request.args.get("next", "/")), login="")

    @blueprint.post("/login")
    @public
    def log_in() -> Response:
        name, now = request.form.get("login", "").strip()[:64], time.monotonic()
        wait_s = max(by_address.seconds_left(address(), now), by_login.seconds_left(name.casefold(), now))
        if wait_s > 0:
            raise PageError(
                429,
                Text("Too many wrong passwords. Try again in {time}.", time=duration(math.ceil(wait_s))),
            )
        token = sessions.log_in(
            name, request.form.get("password", ""), address(), request.headers.get("User-Agent", "")
        )
        target = _local(request.form.get("next", "/"))
        if token is None:
            by_address.wait_s(address(), now)
            by_login.wait_s(name.casefold(), now)
            return page("login.html", 401, next=target, login=name, wrong=True)
        response = leave(target)
        response.set_cookie(
            guard.COOKIE,
            token,
            max_age=LONGEST // SECOND,
            httponly=True,
            samesite="Strict",
            secure=request.is_secure,
            path="/",
        )
        return response

    @blueprint.post("/logout")
    @allowed(*guard.EVERYBODY)
    def log_out() -> Response:
        viewer()
        sessions.close(request.cookies.get(guard.COOKIE, ""))
        response = leave("/login")
        response.delete_cookie(guard.COOKIE, path="/", samesite="Strict", httponly=True)
        response.headers["Clear-Site-Data"] = '"cache"'
        return response

    @blueprint.post("/language")
    @public
    def switch_language() -> Response:
        wanted = request.form.get("language", "")
        response = leave(_local(request.form.get("next", "/")))
        if wanted in LANGUAGES:
            response.set_cookie(
                LANGUAGE_COOKIE, wanted, max_age=LONGEST // SECOND, samesite="Strict", httponly=True, path="/"
            )
        return response

    return blueprint


def _local(path: str) -> str:
    """A path of this box. Anything else, which could lead to another site, becomes the first page."""
    safe = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if safe and "\\" not in path else "/"
