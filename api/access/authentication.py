"""Authentication: the API key in the headers of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request

from api.responses.errors import MissingKeyError
from gatewayd.errors import AdminRequiredError
from gatewayd.records import Caller

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from gatewayd.gateway import Gateway


def authenticate(gateway: Gateway) -> Caller:
    """The owner of the key in Flask's current request. Raises as `authenticate_environ`."""
    return authenticate_environ(gateway, request.environ)


def authenticate_environ(gateway: Gateway, environ: WSGIEnvironment) -> Caller:
    """The owner of the key in a WSGI request. Raises MissingKeyError, and every error of `Gateway.authenticate`."""
    key = presented_key(environ.get("HTTP_X_API_KEY"), environ.get("HTTP_AUTHORIZATION"))
    if key is None:
        raise MissingKeyError
    return gateway.authenticate(key)


def authenticate_admin(gateway: Gateway) -> Caller:
    """As `authenticate`, for administration keys only. Raises AdminRequiredError too."""
    caller = authenticate(gateway)
    if not caller.admin:
        raise AdminRequiredError
    return caller


def presented_key(x_api_key: str | None, authorization: str | None) -> str | None:
    """The key to check: `X-API-Key`, else a Bearer token (RFC 6750, 2.1). An empty key counts as none."""
    if x_api_key and (key := x_api_key.strip()):
        return key
    scheme, _, token = (authorization or "").strip().partition(" ")
    if scheme.lower() != "bearer":
        return None
    return token.strip() or None
