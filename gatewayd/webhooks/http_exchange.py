"""One POST and its answer on an open connection, within one deadline and a limit of bytes.

The standard library's `http.client` parses the answer. It follows no redirect, uses no proxy and decompresses nothing.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse, RemoteDisconnected
from time import monotonic
from typing import Final, cast

from gatewayd.version import VERSION

LONGEST_ANSWER: Final = 65_536
"""Bytes of an answer's body that are read; where there are more, the connection is closed."""

_LONGEST_HEAD: Final = 65_536
_USER_AGENT: Final = f"gatewayd/{VERSION}"


class ExchangeError(Exception):
    """No complete head of an answer came. The text is for a person."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The answer of a receiver."""

    status: int
    retry_after: str | None  # the header's value
    body: bytes  # at most `LONGEST_ANSWER` bytes, as they came
    reusable: bool  # the connection may carry another request


def post(
    sock: socket.socket, host: str, path: str, headers: Mapping[str, str], body: bytes, deadline: float
) -> HttpAnswer:
    """Send a POST and read the answer until `deadline` (monotonic seconds).

    `host`, `path` and `headers` must be free of control characters. Raises ExchangeError, OSError.
    """
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        f"User-Agent: {_USER_AGENT}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Accept-Encoding: identity",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    _send(sock, ("\r\n".join(lines) + "\r\n\r\n").encode("ascii") + body, deadline)
    incoming = _Incoming(sock, deadline)
    response = HTTPResponse(cast(socket.socket, incoming), method="POST")
    try:
        response.begin()
        retry_after = response.headers.get("Retry-After")
        found, complete = _body(response)
    except RemoteDisconnected:
        raise  # an OSError
    except (HTTPException, ValueError) as error:
        raise ExchangeError(f"the answer is not HTTP: {type(error).__name__}") from error
    finally:
        response.close()
    return HttpAnswer(response.status, retry_after, found, complete and not response.will_close)


def _body(response: HTTPResponse) -> tuple[bytes, bool]:
    """The body of the answer, and whether it was read to its end. The head alone decides about success."""
    try:
        body = response.read(LONGEST_ANSWER)
        return body, response.isclosed() or not response.read(1)
    except (ExchangeError, HTTPException, OSError, ValueError):
        return b"", False


def _send(sock: socket.socket, data: bytes, deadline: float) -> None:
    view = memoryview(data)
    while view:
        sock.settimeout(_left(deadline))
        view = view[sock.send(view) :]


def _left(deadline: float) -> float:
    """Seconds until the deadline. Raises TimeoutError where it has passed."""
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError("the answer did not come in time")
    return left


class _Incoming(io.RawIOBase):
    """The bytes of a socket until a deadline and up to a limit: a receiver that sends one byte at a time gains nothing."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline
        self._left = _LONGEST_HEAD + 2 * LONGEST_ANSWER  # the body may be chunked

    def makefile(self, _mode: str) -> io.BufferedReader:
        """As that of a socket."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read at least one byte; 0 at the end. Raises TimeoutError, OSError, ExchangeError."""
        if self._left <= 0:
            raise ExchangeError("the answer is too long")
        self._sock.settimeout(_left(self._deadline))
        count = self._sock.recv_into(buffer)
        self._left -= count
        return count
