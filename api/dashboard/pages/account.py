"""The viewer's own account: password, language, and sessions."""

from __future__ import annotations

import math

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response

from api.access.log_in_limits import LogInLimits, TooManyLogInsError
from api.dashboard.changes import Changes, leave
from api.dashboard.guard import EVERYBODY, PageError, allowed, viewer
from api.dashboard.pages.persons import LANGUAGE_CHOICES, ROLES, close_sessions_of
from api.dashboard.pages.sessions import client
from api.dashboard.rendering import duration, page
from config.language.text import Text
from config.settings import ApiSettings
from gatewayd.accounts.persons import Sessions


def pages(changes: Changes, sessions: Sessions, limits: LogInLimits, settings: ApiSettings) -> Blueprint:
    """The pages of the viewer's own account."""
    blueprint = Blueprint("account", __name__)

    def is_password(typed: str) -> bool:
        """Whether the viewer typed the present password. Raises PageError where too many were wrong."""
        person, address = viewer(), client(settings)
        try:
            limits.begin(address, person.login, known=True)
            with limits.password_check():
                right = sessions.is_password(person.person_id, typed)
        except TooManyLogInsError as error:
            wait = duration(math.ceil(error.wait_s))
            raise PageError(429, Text("Too many wrong passwords. Try again in {time}.", time=wait)) from error
        if right:
            limits.succeeded(address, person.login, known=True)
        return right

    @blueprint.get("/account")
    @allowed(*EVERYBODY)
    def account() -> Response:
        return page(
            "account.html",
            sessions=changes.read("user.sessions", user=viewer().person_id),
            languages=LANGUAGE_CHOICES,
            roles=dict(ROLES),
        )

    @blueprint.post("/account/password")
    @allowed(*EVERYBODY)
    def new_password() -> Response:
        back = url_for("account.account")
        if not is_password(request.form.get("current", "")):
            return leave(back, Text("The present password is wrong."), failed=True)
        person = viewer()
        return changes.make(
            back,
            Text("The new password holds now, and your other sessions are closed."),
            "user.set",
            {
                "user": person.person_id,
                "changes": {"password": request.form.get("password", "")},
                "keep_session": person.session_id,
            },
        )

    @blueprint.post("/account/language")
    @allowed(*EVERYBODY)
    def language() -> Response:
        wanted = {"language": request.form.get("language") or None}
        return changes.make(
            url_for("account.account"),
            Text("The change is made."),
            "user.set",
            {"user": viewer().person_id, "changes": wanted},
        )

    @blueprint.post("/account/sessions")
    @allowed(*EVERYBODY)
    def close_sessions() -> Response:
        return close_sessions_of(changes, viewer().person_id, url_for("account.account"))

    return blueprint
