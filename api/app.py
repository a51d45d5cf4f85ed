"""The HTTP API as a WSGI application. To add an endpoint: one file of this folder, and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from api.access.admission import Admission, admission
from api.access.ip_access import IpAccess
from api.endpoints import bulk, health, inbox, loop_test, messages, metrics, quota, send, sims, ussd
from api.responses.errors import http_refusal, refusal, unexpected_refusal
from api.responses.json_format import HEADERS
from api.responses.serializers import refuse
from api.server.request_parser import UNKNOWN_BODY
from api.server.waiting_places import WaitingPlaces
from config.settings import Settings
from gatewayd.errors import GatewayError

if TYPE_CHECKING:
    from gatewayd.gateway import Gateway

_PREFIX = "/api"


URGENT = frozenset({_PREFIX + health.PATH})
"""What is answered however busy the threads are (see `Server`)."""


class Api(Flask):
    """The application, and what judges a request before its body is taken."""

    admit: Admission


def create_app(gateway: Gateway, settings: Settings) -> Api:
    """Compose the application. Whatever happens in it is answered with the envelope."""
    app = Api(__name__, static_folder=None, template_folder=None)
    app.url_map.merge_slashes = False  # it would redirect, with a page in HTML
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False  # it would answer without the envelope
    app.config["MAX_CONTENT_LENGTH"] = settings.api.max_body_bytes
    ip_access = IpAccess(settings.api)
    durations = metrics.measure_requests(app)
    app.register_blueprint(metrics.endpoints(gateway, ip_access, durations))  # where it is looked for
    ip_access.guard(app)
    app.admit = admission(gateway, ip_access, {*URGENT, metrics.PATH}, UNKNOWN_BODY)
    # What asks a modem holds a thread for up to minutes: beside the sends that wait, a quarter of the threads at most.
    places = WaitingPlaces(max(1, settings.api.threads // 4))
    for routes in (
        send.endpoints(gateway, settings.api),
        bulk.endpoints(gateway, settings.api),
        messages.endpoints(gateway),
        inbox.endpoints(gateway),
        sims.endpoints(gateway, places),
        quota.endpoints(gateway),
        ussd.endpoints(gateway, places),
        loop_test.endpoints(gateway, settings.api, places),
        health.endpoints(gateway),
    ):
        app.register_blueprint(routes, url_prefix=_PREFIX)
    app.register_error_handler(GatewayError, lambda error: refuse(refusal(error)))
    app.register_error_handler(HTTPException, lambda error: refuse(http_refusal(error)))
    app.register_error_handler(Exception, lambda error: refuse(unexpected_refusal(error)))
    app.after_request(_harden)
    return app


def _harden(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response
