"""Looking at the key of a request before its body is taken: a large body is for those alone who may send one."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import TYPE_CHECKING

from api.access.authentication import caller_of
from api.access.ip_access import IpAccess
from api.responses.errors import Refusal, refusal, status_refusal, unexpected_refusal
from gatewayd.errors import GatewayError, UnknownKeyError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from gatewayd.gateway import Gateway

Admission = Callable[["WSGIEnvironment"], Refusal | None]
"""From the head of a request that has a large body, or asks before it sends one, to a refusal; None: the body is taken."""


def admission(gateway: Gateway, ip_access: IpAccess, keyless: Container[str], most_bytes: int) -> Admission:
    """Judge the head of a request as its endpoint would.

    `keyless`: paths that need no key. They have no use for a body, and one beyond `most_bytes` is refused.
    """

    def admit(environ: WSGIEnvironment) -> Refusal | None:
        try:
            ip_access.admit(environ)
            if environ["PATH_INFO"] in keyless:
                length = environ.get("CONTENT_LENGTH")
                return None if length is not None and int(length) <= most_bytes else status_refusal(413)
            caller_of(gateway, environ)
        except UnknownKeyError as error:
            return ip_access.wrong_key(error, environ)
        except GatewayError as error:
            return refusal(error)
        except Exception as error:  # noqa: BLE001 - as the application answers what nobody expected
            return unexpected_refusal(error)
        return None

    return admit
