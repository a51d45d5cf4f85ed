"""Reads the answer to a POST from a socket, within a deadline and limits.

The standard library's `http.client` takes four times as long for a head, and has no deadline: a receiver that sends one byte
at a time would hold it for hours.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from time import monotonic
from typing import Final

LONGEST_BODY: Final = 65_536
"""Bytes of a body that are read; where there are more, the connection cannot be used again."""

_LONGEST_HEAD: Final = 65_536
_LONGEST: Final = 4 * LONGEST_BODY  # all bytes of an answer: chunks of one byte take five more each
_READ: Final = 16_384

# RFC 9112, 4: the reason is optional.
_STATUS: Final = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: .*)?\Z", re.DOTALL)
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")  # RFC 9110, 5.6.2
_LENGTH: Final = re.compile(rb"[0-9]{1,15}\Z")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?\Z", re.DOTALL)  # RFC 9112, 7.1


class AnswerError(Exception):
    """No complete head of an answer came. The text is for a person, without a capital letter and a full stop."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The answer of a receiver."""

    status: int
    retry_after: str | None  # the header's value
    body: bytes  # at most `LONGEST_BODY` bytes, as they came
    reusable: bool  # the connection may carry another request


def read_answer(sock: socket.socket, deadline: float) -> HttpAnswer:
    """Read an answer until `deadline` (monotonic seconds). Raises AnswerError, OSError.

    The head decides: a body that does not come whole only makes the connection unusable.
    """
    incoming = _Incoming(sock, deadline)
    version, status, headers = incoming.head()
    while status < 200:  # interim (RFC 9110, 15.2)
        version, status, headers = incoming.head()
    keeps = _keeps(version, headers)
    try:
        body, whole = _body(incoming, status, headers)
    except (AnswerError, OSError):
        body, whole = b"", False
    retry_after = headers.get(b"retry-after")
    return HttpAnswer(
        status,
        None if retry_after is None else retry_after.decode("latin-1"),
        body,
        whole and keeps and not incoming.has_more,
    )


def left(deadline: float) -> float:
    """Seconds until a deadline. Raises TimeoutError where it has passed."""
    seconds = deadline - monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def _keeps(version: int, headers: dict[bytes, bytes]) -> bool:
    """Whether the receiver keeps the connection open (RFC 9112, 9.3)."""
    options = {option.strip().lower() for option in headers.get(b"connection", b"").split(b",")}
    return b"close" not in options and (version == 1 or b"keep-alive" in options)


def _body(incoming: _Incoming, status: int, headers: dict[bytes, bytes]) -> tuple[bytes, bool]:
    """The body (RFC 9112, 6.3), and whether the connection stands at its end. Raises AnswerError, OSError."""
    coding = headers.get(b"transfer-encoding")
    length = headers.get(b"content-length")
    if status in (204, 304):
        return b"", True
    if coding is not None:
        return incoming.chunks() if coding.lower() == b"chunked" and length is None else (b"", False)
    if length is None:
        return incoming.rest(), False
    if not _LENGTH.match(length):
        return b"", False
    return incoming.take(min(int(length), LONGEST_BODY)), int(length) <= LONGEST_BODY


class _Incoming:
    """The bytes of a socket. Methods raise AnswerError, OSError."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline
        self._buffer = b""
        self._left = _LONGEST

    @property
    def has_more(self) -> bool:
        """Whether bytes came that belong to nothing."""
        return bool(self._buffer)

    def head(self) -> tuple[int, int, dict[bytes, bytes]]:
        """The minor version, the status and the header fields, with names in lower case."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > _LONGEST_HEAD:
                raise AnswerError("the answer is too long")
            if not self._fill():
                if self._buffer:
                    raise AnswerError("the answer is not HTTP, or ended within its head")
                raise ConnectionResetError
        first, *lines = self._buffer[:end].split(b"\r\n")
        self._buffer = self._buffer[end + 4 :]
        found = _STATUS.match(first)
        if found is None:
            raise AnswerError("the answer is not HTTP")
        headers: dict[bytes, bytes] = {}
        for line in lines:
            name, colon, value = line.partition(b":")
            if not colon or not _NAME.match(name):
                raise AnswerError("the answer is not HTTP: a line of its head is no header field")
            name = name.lower()
            # A field that comes twice, such as two lengths, fits nothing.
            headers[name] = headers[name] + b", " + value.strip() if name in headers else value.strip()
        return int(found[1]), int(found[2]), headers

    def take(self, count: int) -> bytes:
        """Exactly `count` bytes."""
        while len(self._buffer) < count:
            if not self._fill():
                raise AnswerError("the answer ended within its body")
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def rest(self) -> bytes:
        """The bytes until the end of the connection, at most `LONGEST_BODY`."""
        while len(self._buffer) < LONGEST_BODY and self._fill():
            pass
        return self._buffer[:LONGEST_BODY]

    def chunks(self) -> tuple[bytes, bool]:
        """A chunked body, and whether all of it was read."""
        body = bytearray()
        while True:
            found = _CHUNK.match(self._line())
            if found is None:
                raise AnswerError("a chunk of the answer has no length")
            length = int(found[1], 16)
            if length == 0:
                break
            if len(body) + length > LONGEST_BODY:
                return bytes(body), False
            body += self.take(length)
            if self.take(2) != b"\r\n":
                raise AnswerError("a chunk of the answer is longer than its length")
        while self._line():  # trailers
            pass
        return bytes(body), True

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > _READ or not self._fill():
                raise AnswerError("a line of the answer is too long, or has no end")
        line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
        return line

    def _fill(self) -> bool:
        """Read more bytes. False: there are no more."""
        if self._left <= 0:
            raise AnswerError("the answer is too long")
        self._sock.settimeout(left(self._deadline))
        more = self._sock.recv(min(_READ, self._left))
        self._left -= len(more)
        self._buffer += more
        return bool(more)
