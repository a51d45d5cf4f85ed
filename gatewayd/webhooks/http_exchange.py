"""One POST and its answer on an open connection, within one deadline. It follows no redirect and decompresses nothing."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Final

from gatewayd.version import VERSION
from gatewayd.webhooks.http_answer import HttpAnswer, left, read_answer

_HEAD: Final = (
    f"User-Agent: gatewayd/{VERSION}\r\nContent-Type: application/json\r\nAccept-Encoding: identity\r\n"
)


def post(
    sock: socket.socket, host: str, path: str, headers: Mapping[str, str], body: bytes, deadline: float
) -> HttpAnswer:
    """Send a POST and read the answer until `deadline` (monotonic seconds).

    `host`, `path` and `headers` must be free of control characters. Raises AnswerError, OSError.
    """
    fields = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\n{_HEAD}Content-Length: {len(body)}\r\n{fields}\r\n"
    view = memoryview(head.encode("ascii") + body)
    while view:
        sock.settimeout(left(deadline))
        view = view[sock.send(view) :]
    return read_answer(sock, deadline)
