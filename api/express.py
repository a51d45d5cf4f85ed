"""The way around Flask for what is asked for once with each message: a fifth of what taking one costs was Flask's.

Flask has the endpoint too, with the same view. Whatever is out of the ordinary about a request goes there.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from api.access.ip_access import IpAccess
from api.responses.errors import InternalError, log_unexpected, refusal
from api.responses.response import Reply, refused
from gatewayd.errors import GatewayError, UnknownKeyError
from gatewayd.store.engine.histogram import Durations

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

View = Callable[["WSGIEnvironment", Callable[[], bytes]], Reply]
"""From a request, and what reads its body, to what is answered. Raises GatewayError."""

# Flask looks for an endpoint by the name of the host too, and finds none where that is no name.
_HOST = re.compile(r"[0-9A-Za-z-]{1,63}(\.[0-9A-Za-z-]{1,63}){0,9}(:[0-9]{1,5})?")


class Express:
    """A WSGI application before another one: answers POST to one path, and passes on all else."""

    def __init__(
        self,
        path: str,
        view: View,
        ip_access: IpAccess,
        durations: Durations[tuple[str, int]],
        max_body_bytes: int,
        others: WSGIApplication,
    ) -> None:
        self._path = path
        self._view = view
        self._ip_access = ip_access
        self._durations = durations
        self._endpoint = f"POST {path}"
        self._max_body_bytes = max_body_bytes
        self._others = others

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """See PEP 3333."""
        if environ["PATH_INFO"] != self._path or not self._ordinary(environ):
            return self._others(environ, start_response)
        began = time.monotonic()
        reply = self._reply(environ)
        self._durations.observe((self._endpoint, reply.status), time.monotonic() - began)
        return reply.send(start_response)

    def _ordinary(self, environ: WSGIEnvironment) -> bool:
        length = environ.get("CONTENT_LENGTH", "")
        return (
            environ["REQUEST_METHOD"] == "POST"
            and "HTTP_UPGRADE" not in environ
            and _HOST.fullmatch(environ.get("HTTP_HOST", "")) is not None
            and length.isdecimal()
            and int(length) <= self._max_body_bytes
        )

    def _reply(self, environ: WSGIEnvironment) -> Reply:
        try:
            self._ip_access.admit(environ)
            return self._view(environ, environ["wsgi.input"].read)
        except UnknownKeyError as error:
            return refused(self._ip_access.wrong_key(error, environ))
        except GatewayError as error:
            return refused(refusal(error))
        except Exception as error:  # noqa: BLE001 - as the application answers what nobody expected
            return unexpected(error)


def unexpected(error: Exception) -> Reply:
    """What is answered where something went wrong that nobody expected. It is written to the log."""
    log_unexpected(error)
    return refused(refusal(InternalError()))
