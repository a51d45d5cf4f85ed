"""The HTTP API as a Flask application. A new endpoint is one file in `endpoints/` and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response
from werkzeug.exceptions import HTTPException

from api.access.admission import admission
from api.access.ip_access import IpAccess
from api.endpoints import (
    bulk,
    campaigns,
    documentation,
    events,
    health,
    inbox,
    loop_test,
    messages,
    metrics,
    opt_outs,
    preview,
    quota,
    send,
    sims,
    ussd,
    webhooks,
)
from api.responses.errors import http_refusal, refusal, unexpected_refusal
from api.responses.flask_response import ApiResponse
from api.responses.json_format import HEADERS
from api.responses.serializers import respond_error
from api.server.request_parser import UNCHECKED_BODY_LIMIT
from api.server.wait_limit import WaitLimit
from api.web_application import Api
from config.settings import Settings
from gatewayd.errors import GatewayError

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway

_PREFIX = "/api"


URGENT = frozenset({_PREFIX + health.PATH})
"""Paths that the server answers even while all threads are busy (see `Server`)."""


def create_app(gateway: Gateway, settings: Settings) -> Api:
    """Build the application. Every error in it is answered in the envelope."""
    app = Api(__name__, static_folder=None, template_folder=None)
    app.url_map.merge_slashes = False  # Flask would redirect, with an HTML page
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False  # Flask would answer without the envelope
    ip_access = app.ip_access = IpAccess(settings.api)
    durations = metrics.measure_requests(app)
    app.register_blueprint(metrics.endpoints(gateway, ip_access, durations))
    ip_access.register(app)
    keyless = {*URGENT, metrics.PATH, *(_PREFIX + path for path in documentation.PATHS)}
    app.admit = admission(gateway, ip_access, keyless, UNCHECKED_BODY_LIMIT)
    # Sends, requests to modems and requests for events that wait hold threads: two of them stay free for all others.
    waiting = WaitLimit(max(1, settings.api.threads - 2))
    # A request to a modem holds a thread for up to minutes: at most a quarter of the threads, beside the sends that wait.
    wait_limit = app.wait_limit = WaitLimit(max(1, settings.api.threads // 4), waiting)
    for blueprint in (
        send.endpoints(gateway, settings.api, waiting),
        bulk.endpoints(gateway, settings.api),
        preview.endpoints(gateway, settings.api),
        messages.endpoints(gateway),
        campaigns.endpoints(gateway),
        inbox.endpoints(gateway),
        opt_outs.endpoints(gateway, settings.api),
        events.endpoints(gateway, WaitLimit(settings.api.threads // 4, waiting)),
        sims.endpoints(gateway, wait_limit),
        quota.endpoints(gateway),
        ussd.endpoints(gateway, wait_limit),
        loop_test.endpoints(gateway, settings.api, wait_limit),
        webhooks.endpoints(gateway, wait_limit),
        health.endpoints(gateway),
        documentation.endpoints(app, settings),
    ):
        app.register_blueprint(blueprint, url_prefix=_PREFIX)
    app.register_error_handler(GatewayError, lambda error: respond_error(refusal(error)))
    app.register_error_handler(HTTPException, lambda error: respond_error(http_refusal(error)))
    app.register_error_handler(Exception, lambda error: respond_error(unexpected_refusal(error)))
    app.after_request(_add_security_headers)
    return app


def _add_security_headers(response: Response) -> Response:
    if not isinstance(response, ApiResponse):  # which begins with them
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)  # the page of the documentation has its own policy
    return response
