"""Who asks: the API key in the headers of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request

from api.responses.errors import MissingKeyError
from gatewayd.errors import AdminRequiredError
from gatewayd.records import Caller

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from gatewayd.gateway import Gateway


def caller(gateway: Gateway) -> Caller:
    """Whose Flask's request this is. Raises as `caller_of`."""
    return caller_of(gateway, request.environ)


def caller_of(gateway: Gateway, environ: WSGIEnvironment) -> Caller:
    """Whose request this is. Raises MissingKeyError, and whatever `Gateway.authenticate` refuses with."""
    key = presented_key(environ.get("HTTP_X_API_KEY"), environ.get("HTTP_AUTHORIZATION"))
    if key is None:
        raise MissingKeyError
    return gateway.authenticate(key)


def administrator(gateway: Gateway) -> Caller:
    """As `caller`, for what only administration keys may ask. Raises AdminRequiredError too."""
    who = caller(gateway)
    if not who.admin:
        raise AdminRequiredError
    return who


def presented_key(x_api_key: str | None, authorization: str | None) -> str | None:
    """The key that counts: `X-API-Key`, else a Bearer token (RFC 6750, 2.1). An empty one is none."""
    if x_api_key and (key := x_api_key.strip()):
        return key
    scheme, _, token = (authorization or "").strip().partition(" ")
    if scheme.lower() != "bearer":
        return None
    return token.strip() or None
