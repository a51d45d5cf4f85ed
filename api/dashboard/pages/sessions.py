"""Logging in and out, and the switch of the language."""

from __future__ import annotations

import logging
import math

from flask import Blueprint, request
from werkzeug.wrappers import Response

from api.access.client_address import arrived_by_tls, client_address, client_group
from api.access.log_in_limits import LogInLimits, TooManyLogInsError
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

log = logging.getLogger(__name__)


def pages(sessions: Sessions, limits: LogInLimits, settings: ApiSettings) -> Blueprint:
    """The pages of sessions."""
    blueprint = Blueprint("sessions", __name__)

    def checked_log_in(name: str, password: str) -> str | None:
        """The token of a new session, or None. Raises PageError where too many passwords were wrong."""
        address = client(settings)
        known = sessions.known_from(name, address)
        try:
            limits.begin(address, name, known=known)
            with limits.password_check():
                token = sessions.log_in(name, password, address, request.headers.get("User-Agent", ""))
        except TooManyLogInsError as error:
            # The login is not named: people type passwords into its field.
            log.warning("too many log-ins to the dashboard, the last one from %s", address)
            wait = duration(math.ceil(error.wait_s))
            raise PageError(
                429,
                Text(
                    "Too many log-ins. Try again in {time}. A device on which you are logged in is not affected by the wrong"
                    " passwords of others.",
                    time=wait,
                ),
            ) from error
        if token is None:
            log.warning("a wrong login or password at the dashboard, from %s", address)
        else:
            limits.succeeded(address, name, known=known)
        return token

    @blueprint.get("/login")
    @public
    def login() -> Response:
        if not sessions.anybody():
            return leave("/setup")
        return page("login.html", next=_local(request.args.get("next", "/")), login="")

    @blueprint.post("/login")
    @public
    def log_in() -> Response:
        name, target = request.form.get("login", "").strip()[:64], _local(request.form.get("next", "/"))
        token = checked_log_in(name, request.form.get("password", ""))
        if token is None:
            return page("login.html", 401, next=target, login=name, wrong=True)
        if (former := request.cookies.get(guard.COOKIE)) is not None:
            sessions.close(former)
        return with_session(leave(target), token, settings)

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


def client(settings: ApiSettings) -> str:
    """The client of the present request, as attempts are counted and sessions are listed."""
    return client_group(
        client_address(
            request.remote_addr or "", request.headers.get("X-Forwarded-For", ""), settings.trusted_proxies
        )
    )


def with_session(response: Response, token: str, settings: ApiSettings) -> Response:
    """Add the cookie of a session to an answer. It is for TLS only where the browser came by TLS."""
    secure = arrived_by_tls(
        request.remote_addr or "",
        request.scheme,
        request.headers.get("X-Forwarded-Proto", ""),
        settings.trusted_proxies,
    )
    response.set_cookie(
        guard.COOKIE,
        token,
        max_age=LONGEST // SECOND,
        httponly=True,
        samesite="Strict",
        secure=secure,
        path="/",
    )
    return response


def _local(path: str) -> str:
    """A path of this box. Anything else, which could lead to another site, becomes the first page."""
    safe = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if safe and "\\" not in path else "/"
