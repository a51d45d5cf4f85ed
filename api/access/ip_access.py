"""Who may ask at all, by address: the allow-list, and the limit of wrong keys."""

from __future__ import annotations

import math
import time
from ipaddress import ip_network
from typing import TYPE_CHECKING

from flask import Flask, request

from api.access.client_address import Address, Networks, client_address, neighbourhood, parsed, within
from api.access.rate_limit import WrongKeys
from api.responses.errors import AddressNotAllowedError, Refusal, TooManyRequestsError, refusal
from api.responses.serializers import refuse
from config.settings import ApiSettings
from gatewayd.errors import UnknownKeyError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_LOOPBACK: Networks = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

# What proxies add. A request with one of them was not made by whoever opened the connection.
_FORWARDED = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via")


class IpAccess:
    """Knows whose request this is, and refuses by that."""

    def __init__(self, settings: ApiSettings) -> None:
        self._trusted = settings.trusted_proxies
        self._allowed = settings.allowed_networks
        self._metrics = settings.metrics_networks
        self._wrong_keys = WrongKeys(settings.wrong_keys_per_minute)

    def guard(self, app: Flask) -> None:
        """Stand before every request of an application."""
        app.before_request(lambda: self.admit(request.environ))
        app.register_error_handler(
            UnknownKeyError, lambda error: refuse(self.wrong_key(error, request.environ))
        )

    def admit_to_metrics(self) -> None:
        """Raise AddressNotAllowedError where the client of this request may not read the metrics.

        What came through a proxy that is not a trusted one is nobody's: a proxy on this box makes everybody loopback.
        """
        peer = parsed(request.remote_addr or "")
        hidden = any(name in request.headers for name in _FORWARDED) and not (
            peer is not None and within(peer, self._trusted)
        )
        client = self._client(request.environ)
        if hidden or client is None or not within(client, (*_LOOPBACK, *self._metrics)):
            raise AddressNotAllowedError

    def admit(self, environ: WSGIEnvironment) -> None:
        """Raise AddressNotAllowedError where the client of a request may not ask anything."""
        if not self._allowed:
            return
        client = self._client(environ)
        if client is None or not within(client, (*_LOOPBACK, *self._allowed)):
            raise AddressNotAllowedError

    def wrong_key(self, error: UnknownKeyError, environ: WSGIEnvironment) -> Refusal:
        """Count a wrong key; what its client is told."""
        wait_s = self._wrong_keys.wait_s(neighbourhood(self._client(environ)), time.monotonic())
        return refusal(TooManyRequestsError(math.ceil(wait_s)) if wait_s > 0 else error)

    def _client(self, environ: WSGIEnvironment) -> Address | None:
        return client_address(
            environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_FOR", ""), self._trusted
        )
