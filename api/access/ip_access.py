"""Access by IP address: the allow-list, and the limit of wrong keys."""

from __future__ import annotations

import math
import time
from ipaddress import ip_network
from typing import TYPE_CHECKING

from flask import Flask, request

from api.access.client_address import Address, Networks, client_address, client_group, parsed, within
from api.access.rate_limit import WrongKeyLimit
from api.responses.errors import AddressNotAllowedError, Refusal, TooManyRequestsError, refusal
from api.responses.serializers import respond_error
from config.settings import ApiSettings
from gatewayd.errors import UnknownKeyError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# Of LANs: RFC 1918, RFC 3927, RFC 4193 and RFC 4291, 2.5.6.
_PRIVATE: Networks = tuple(
    map(
        ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"),
    )
)

_LOOPBACK: Networks = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

# Proxies add these. A request with one of them was not made by the peer of the connection.
_FORWARDED = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via")


class IpAccess:
    """Refuses requests by the address of their client."""

    def __init__(self, settings: ApiSettings) -> None:
        self._trusted = settings.trusted_proxies
        self._allowed = settings.allowed_networks
        self._metrics = settings.metrics_networks
        self._wrong_keys = WrongKeyLimit(settings.wrong_keys_per_minute)

    def register(self, app: Flask) -> None:
        """Check every request of an application, if there is an allow-list, and count its wrong keys."""
        if self._allowed:
            app.before_request(lambda: self.admit(request.environ))
        app.register_error_handler(
            UnknownKeyError, lambda error: respond_error(self.wrong_key(error, request.environ))
        )

    def admit_to_metrics(self) -> None:
        """Raise AddressNotAllowedError if the client of this request may not read the metrics."""
        self._admit_only((*_LOOPBACK, *self._metrics))

    def admit_to_setup(self) -> None:
        """Raise AddressNotAllowedError unless the client of this request is this box or in a private network."""
        self._admit_only((*_LOOPBACK, *_PRIVATE))

    def admit(self, environ: WSGIEnvironment) -> None:
        """Raise AddressNotAllowedError if the client may send no requests."""
        if not self._allowed:
            return
        client = self._client(environ)
        if client is None or not within(client, (*_LOOPBACK, *self._allowed)):
            raise AddressNotAllowedError

    def wrong_key(self, error: UnknownKeyError, environ: WSGIEnvironment) -> Refusal:
        """Count a wrong key. Returns the refusal for its client."""
        wait_s = self._wrong_keys.wait_s(client_group(self._client(environ)), time.monotonic())
        return refusal(TooManyRequestsError(math.ceil(wait_s)) if wait_s > 0 else error)

    def wrong_token(self) -> float:
        """Count a wrong token of the client of this request, as a wrong key. Returns 0, or the seconds until the next may come."""
        return self._wrong_keys.wait_s(client_group(self._client(request.environ)), time.monotonic())

    def _admit_only(self, networks: Networks) -> None:
        """Raise AddressNotAllowedError if the client of this request is in none of the networks.

        A request through a proxy that is not trusted has no known client: a proxy on this box makes every client loopback.
        """
        peer = parsed(request.remote_addr or "")
        hidden = any(name in request.headers for name in _FORWARDED) and not (
            peer is not None and within(peer, self._trusted)
        )
        client = self._client(request.environ)
        if hidden or client is None or not within(client, networks):
            raise AddressNotAllowedError

    def _client(self, environ: WSGIEnvironment) -> Address | None:
        return client_address(
            environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_FOR", ""), self._trusted
        )
