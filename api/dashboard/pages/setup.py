"""The page that creates the first person. It exists only while there is none, and opens with a token."""

from __future__ import annotations

import math

from flask import Blueprint, request
from werkzeug.wrappers import Response

from api.access.ip_access import IpAccess
from api.dashboard.changes import leave
from api.dashboard.guard import PageError, public
from api.dashboard.pages.sessions import client, with_session
from api.dashboard.rendering import duration, page
from api.responses.errors import AddressNotAllowedError
from config.language.text import Text
from config.settings import ApiSettings
from gatewayd.accounts.persons import Sessions
from gatewayd.accounts.setup_token import SetupToken
from gatewayd.admin import commands
from gatewayd.admin.audit import Actor
from gatewayd.admin.context import Context
from gatewayd.errors import AdminError


def pages(context: Context, sessions: Sessions, ip_access: IpAccess, settings: ApiSettings) -> Blueprint:
    """The page of the first person."""
    blueprint = Blueprint("setup", __name__)

    def admit() -> SetupToken:
        """The token that opens the page. Raises PageError where a person exists, or the client is not near."""
        if context.setup_token is None or sessions.anybody():
            raise PageError(404, Text("There is no such page on this box."))
        try:
            ip_access.admit_to_setup()
        except AddressNotAllowedError as error:
            raise PageError(
                403,
                Text(
                    "The set-up opens only on this box and in its own network, and through no foreign proxy."
                ),
            ) from error
        return context.setup_token

    @blueprint.get("/setup")
    @public
    def setup() -> Response:
        admit()
        return page("setup.html", typed={})

    @blueprint.post("/setup")
    @public
    def create() -> Response:
        token, form = admit(), request.form
        if not token.matches(form.get("token", "")):
            if (wait_s := ip_access.wrong_token()) > 0:
                wait = duration(math.ceil(wait_s))
                raise PageError(429, Text("Too many wrong tokens. Try again in {time}.", time=wait))
            return page(
                "setup.html",
                422,
                typed=form,
                error=Text("The token is wrong. Each start of the box makes another one."),
            )
        login, password = form.get("login", "").strip(), form.get("password", "")
        arguments = {"login": login, "password": password, "name": form.get("name", "")}
        try:
            added = commands.run_as(context, Actor(None, login[:64]), "user.add_first", arguments)
        except AdminError as error:
            return page("setup.html", 422, typed=form, error=error.args[0])
        person_id = int(str(added["id"])) if isinstance(added, dict) else 0
        session = sessions.open(person_id, client(settings), request.headers.get("User-Agent", ""))
        return with_session(leave("/start"), session, settings)

    return blueprint
