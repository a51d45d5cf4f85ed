"""The HTTP API as a WSGI application. To add an endpoint: one file of this folder, and one line here."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from api import bulk, health, inbox, loop_test, messages, metrics, quota, send, sims, ussd
from api.answers import refuse
from api.errors import InternalError, http_refusal, refusal
from api.formats import HEADERS
from api.gatekeeper import Gatekeeper
from config.settings import Settings
from gatewayd.errors import GatewayError

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway

log = logging.getLogger(__name__)


def create_app(gateway: Gateway, settings: Settings) -> Flask:
    """Compose the application. Whatever happens in it is answered with the envelope."""
    app = Flask(__name__, static_folder=None, template_folder=None)
    app.url_map.merge_slashes = False  # it would redirect, with a page in HTML
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False  # it would answer without the envelope
    app.config["MAX_CONTENT_LENGTH"] = settings.api.max_body_bytes
    gatekeeper = Gatekeeper(settings.api)
    app.register_blueprint(metrics.endpoints(app, gateway, gatekeeper))  # at the root, where it is looked for
    gatekeeper.guard(app)
    for routes in (
        send.endpoints(gateway, settings.api),
        bulk.endpoints(gateway, settings.api),
        messages.endpoints(gateway),
        inbox.endpoints(gateway),
        sims.endpoints(gateway),
        quota.endpoints(gateway),
        ussd.endpoints(gateway),
        loop_test.endpoints(gateway, settings.api),
        health.endpoints(gateway),
    ):
        app.register_blueprint(routes, url_prefix="/api")
    app.register_error_handler(GatewayError, lambda error: refuse(refusal(error)))
    app.register_error_handler(HTTPException, lambda error: refuse(http_refusal(error)))
    app.register_error_handler(Exception, _unexpected)
    app.after_request(_harden)
    return app


def _unexpected(error: Exception) -> Response:
    log.error("A request ended in an unexpected error", exc_info=error)
    return refuse(refusal(InternalError()))


def _harden(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response
