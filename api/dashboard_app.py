"""The dashboard as a Flask application. A new family of pages is one file in `pages/` and one line here."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote

from flask import Flask, Response, abort, current_app, redirect, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from api.access.ip_access import IpAccess
from api.access.log_in_limits import LogInLimits
from api.dashboard import guard, rendering, static_files
from api.dashboard.changes import Changes
from api.dashboard.guard import LogInFirst, PageError
from api.dashboard.pages import (
    account,
    audit,
    backups,
    campaigns,
    check,
    companies,
    compose,
    configuration,
    fleet,
    inbox,
    keys,
    log,
    loop_tests,
    messages,
    opt_outs,
    overview,
    persons,
    ports,
    recordings,
    sessions,
    setup,
    sims,
    start,
    statement,
    support,
    ussd,
    webhooks,
)
from api.responses.errors import AddressNotAllowedError, http_refusal
from api.responses.serializers import respond_error
from api.server.wait_limit import WaitLimit
from config.language.text import Text
from config.settings import Settings
from gatewayd.accounts.persons import Sessions
from gatewayd.admin.context import Context
from gatewayd.admin.examination import Examination
from gatewayd.errors import AdminError, GatewayError
from gatewayd.recent_log import RecentLog
from gatewayd.store.engine.errors import StoreUnavailableError

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway

# Of a form: a list of recipients may be long.
_MAX_FIELDS = 1000


def create_dashboard(
    gateway: Gateway,
    context: Context,
    settings: Settings,
    ip_access: IpAccess,
    open_sessions: Sessions,
    wait_limit: WaitLimit,
) -> Flask:
    """Build the application. Every error in it is answered with a page. `wait_limit`: for pages that wait for a modem."""
    app = Flask(__name__, static_folder=None, template_folder="dashboard/templates")
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.config["MAX_FORM_PARTS"] = _MAX_FIELDS
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.api.max_body_bytes
    app.config["MAX_CONTENT_LENGTH"] = settings.api.max_body_bytes
    # Flask's own cookie holds only the notice for the next page, so it need not survive a restart.
    app.secret_key = secrets.token_bytes(32)
    app.config["SESSION_COOKIE_NAME"] = "gatewayd_notice"
    app.config["SESSION_COOKIE_SAMESITE"] = "Strict"
    changes, limits = Changes(context), LogInLimits()
    guard.register(app, settings.dashboard, ip_access, open_sessions)
    rendering.register(app, settings.numbers.zone)
    app.add_url_rule("/static/<name>", "static_file", _static_file)
    for blueprint in (
        sessions.pages(open_sessions, limits, settings.api),
        overview.pages(gateway, context, settings),
        persons.pages(changes),
        audit.pages(context),
        account.pages(changes, open_sessions, limits, settings.api),
        setup.pages(context, open_sessions, ip_access, settings.api),
        start.pages(context, changes, settings),
        companies.pages(changes),
        keys.pages(changes, context.clock, settings.numbers.zone),
        webhooks.pages(gateway, changes, settings.numbers.zone, wait_limit),
        statement.pages(changes),
        check.pages(Examination(context, settings)),
        backups.pages(gateway, changes, settings.store, context.clock, wait_limit),
        log.pages(context.recent_log or RecentLog()),
        configuration.pages(settings, context.config),
        support.pages(context, changes, settings, wait_limit),
        inbox.pages(context, changes),
        opt_outs.pages(context, changes),
        sims.pages(
            context,
            changes,
            ussd.pages(context, changes, wait_limit),
            loop_tests.pages(context, changes),
        ),
        ports.pages(changes),
        fleet.pages(context.fleet, wait_limit),
        recordings.pages(changes, wait_limit),
        messages.pages(gateway, changes, settings.numbers.zone),
        campaigns.pages(changes),
        compose.pages(gateway, changes, settings.numbers.zone),
    ):
        app.register_blueprint(blueprint)
    guard.check_views(app)
    app.register_error_handler(LogInFirst, _log_in_first)
    app.register_error_handler(PageError, lambda error: _trouble(error.status, error.text))
    app.register_error_handler(
        AddressNotAllowedError, lambda _: _trouble(403, Text("This box does not answer your address."))
    )
    app.register_error_handler(AdminError, lambda error: _trouble(409, _text_of(error)))
    app.register_error_handler(GatewayError, lambda error: _trouble(409, _text_of(error)))
    app.register_error_handler(StoreUnavailableError, lambda error: _trouble(503, _text_of(error)))
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)
    return app


@guard.public
def _static_file(name: str) -> Response:
    try:
        return static_files.answer(name)
    except KeyError:
        abort(404)


def _log_in_first(_: Exception) -> AnyResponse:
    if request.headers.get("HX-Request"):  # a part of a page that is open: load the whole page anew
        return Response(status=401, headers={"HX-Redirect": "/login"})
    wanted = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect(f"/login?next={quote(wanted, safe='')}", 303)


def _http_error(error: HTTPException) -> AnyResponse:
    if "text/html" not in request.headers.get("Accept", ""):
        return respond_error(http_refusal(error))  # a program that asks a wrong path of the API
    texts = {
        404: Text("There is no such page on this box."),
        405: Text("This page cannot be used in this way."),
        413: Text("The form is too large."),
    }
    status = error.code or 500
    return _trouble(status, texts.get(status, Text("The request cannot be understood.")))


def _unexpected(error: Exception) -> Response:
    current_app.logger.error("a page of the dashboard failed", exc_info=error)
    return _trouble(500, Text("An unexpected error. The log of the daemon contains it."))


def _text_of(error: Exception) -> str:
    text = error.args[0] if error.args else str(error)
    return text if isinstance(text, str) else str(error)


def _trouble(status: int, text: str) -> Response:
    return rendering.page("trouble.html", status, text=text, status=status)
