"""Checks the head of a request before its body is read: only clients with a valid key may send a large body."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import TYPE_CHECKING

from api.access.authentication import authenticate_environ
from api.access.ip_access import IpAccess
from api.responses.errors import Refusal, refusal, status_refusal, unexpected_refusal
from gatewayd.errors import GatewayError, UnknownKeyError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from gatewayd.gateway import Gateway

Admission = Callable[["WSGIEnvironment"], Refusal | None]
"""From the head of a request with a large body, or with `Expect: 100-continue`, to a refusal. None: the body is read."""


def admission(gateway: Gateway, ip_access: IpAccess, keyless: Container[str], max_bytes: int) -> Admission:
    """Check the head of a request as its endpoint would.

    `keyless`: paths that need no key. They have no use for a body: one of more than `max_bytes` is refused.
    """

    def admit(environ: WSGIEnvironment) -> Refusal | None:
        try:
            ip_access.admit(environ)
            if environ["PATH_INFO"] in keyless:
                length = environ.get("CONTENT_LENGTH")
                return None if length is not None and int(length) <= max_bytes else status_refusal(413)
            authenticate_environ(gateway, environ)
        except UnknownKeyError as error:
            return ip_access.wrong_key(error, environ)
        except GatewayError as error:
            return refusal(error)
        except Exception as error:  # noqa: BLE001 - as the application answers an unexpected error
            return unexpected_refusal(error)
        return None

    return admit
