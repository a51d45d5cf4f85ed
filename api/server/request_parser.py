"""A strict parser for HTTP requests (RFC 9112), with the interface that waitress expects.

An error is reported as soon as its bytes arrive: a client of another protocol would never send the end of the head. A request
whose end could be read in two ways is refused, so that requests cannot be smuggled past a proxy.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from waitress.adjustments import Adjustments
from waitress.buffers import OverflowableBuffer
from waitress.parser import HTTPRequestParser, ParsingError, split_uri
from waitress.receiver import FixedStreamReceiver

from api.responses.errors import Refusal, malformed, status_refusal
from api.server.chunked_body import ChunkedBody

HEADER_LIMIT = 65_536
"""Bytes of the request line and all header fields. Real requests have less than one thousand."""

FIELD_LIMIT = 256
"""Number of header fields. Browsers send twenty."""

UNCHECKED_BODY_LIMIT = 65_536
"""Bytes of a body that are read before the key is checked: enough for a hundred messages, and harmless without a valid key."""

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")

# CR without LF, LF without CR, and control characters (RFC 9110, 5.5; RFC 9112, 2.2). The LF behind a last CR may still come.
_STRAY = re.compile(rb"\r(?!\n|\Z)|(?<!\r)\n|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Z]+) ([\x21-\x7e]+) HTTP/([0-9])\.([0-9])")
_TARGET = re.compile(rb"/.*|\*|[A-Za-z][A-Za-z0-9+.-]*://.*")
_LENGTH = re.compile(r"[0-9]{1,4000}")  # Python's int() accepts no longer number

# RFC 3986, 3.2.2: a name, an IPv4 address, or an IPv6 address in brackets, which may have a zone (RFC 6874).
_HOST = re.compile(r"(?:[A-Za-z0-9._~-]+|\[([0-9A-Fa-f:.]+)(?:%[A-Za-z0-9._~%-]+)?\])(?::([0-9]{0,5}))?")


class RefusedError(Exception):
    """The request is refused. `refusal` has the reason."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Parser(HTTPRequestParser):
    """One request as it arrives. Once `completed`, it is complete or has a `refusal`."""

    # Missing or different in waitress and its stubs:
    body_rcv: Any
    headers: dict[str, str]
    error: Any
    version = "1.1"
    command: Any = ""
    path: Any = ""
    query: str = ""
    request_uri: str = ""
    url_scheme: str = "http"

    refusal: Refusal | None = None
    admitted = False
    """Whether the key was checked."""

    on_close: Callable[[], None] | None = None
    """Called once, when the request is answered or dropped."""

    awaits_continue = False
    """Whether the client waits for `100 Continue` before it sends the body (RFC 9110, 10.1.1)."""

    def __init__(self, adj: Adjustments) -> None:
        super().__init__(adj)
        self._head = bytearray()
        self._request_line_checked = False

    @property
    def needs_key_check(self) -> bool:
        """Whether the key must be checked before more of the body is read."""
        return (
            not self.admitted
            and not self.completed
            and self.body_rcv is not None
            and (
                self.awaits_continue
                or self.content_length > UNCHECKED_BODY_LIMIT
                or self.body_bytes_received >= UNCHECKED_BODY_LIMIT
            )
        )

    @property
    def body_bytes(self) -> int:
        """The received bytes of the body."""
        return 0 if self.body_rcv is None else len(self.body_rcv)

    def received(self, data: bytes) -> int:
        """Take bytes. Returns how many belong to this request: 0 if it is complete or needs a key check."""
        if self.completed:
            return 0
        try:
            return self._take_head(data) if self.body_rcv is None else self._take_body(data)
        except RefusedError as error:
            self.refuse(error.refusal)
            return len(data)  # where the next request begins is unknown now

    def refuse(self, refusal: Refusal) -> None:
        """End the request here. It is answered with this refusal, and its connection is closed."""
        self.close()
        self.body_rcv = None
        self.refusal = refusal
        self.error = refusal  # the attribute that waitress checks
        self.completed = True

    def close(self) -> None:
        """Release buffers and budget. Idempotent."""
        on_close, self.on_close = self.on_close, None
        if on_close is not None:
            on_close()
        super().close()

    # The head

    def _take_head(self, data: bytes) -> int:
        held = len(self._head)
        head = self._head
        head += data
        blank = 0
        while head.startswith(b"\r\n", blank):  # empty lines before a request are ignored (RFC 9112, 2.2)
            blank += 2
        del head[:blank]
        held -= blank
        if not head:
            self.empty = self.completed = True
            return len(data)
        end = head.find(b"\r\n\r\n", max(0, held - 3))
        if (end + 4 if end >= 0 else len(head)) > HEADER_LIMIT:
            raise RefusedError(_too_large(head))
        if end < 0:
            self._check_unfinished(max(0, held - 1))
            return len(data)
        self._parse(bytes(head[:end]))
        self._head = bytearray()
        self.headers_finished = True
        return end + 4 - held

    def _check_unfinished(self, new: int) -> None:
        """Refuse bytes that cannot become a valid head, before its end. `new`: where the bytes that came last begin."""
        if not _TOKEN.match(self._head) and self._head != b"\r":
            raise RefusedError(malformed(400, "This is no HTTP request"))
        if _STRAY.search(self._head, new):
            raise RefusedError(malformed(400, "A line does not end with CR LF, or holds a control character"))
        if not self._request_line_checked and (end := self._head.find(b"\r\n")) >= 0:
            self._request_line_checked = True
            self._parse_request_line(bytes(self._head[:end]))

    def _parse(self, head: bytes) -> None:
        if _STRAY.search(head):
            raise RefusedError(malformed(400, "A line does not end with CR LF, or holds a control character"))
        first, *lines = head.split(b"\r\n")
        self._parse_request_line(first)
        if len(lines) > FIELD_LIMIT:
            raise RefusedError(_too_large(head))
        hosts = self._parse_fields(lines)
        self._check_host(hosts)
        self._frame()

    def _parse_request_line(self, line: bytes) -> None:
        found = _REQUEST_LINE.fullmatch(line)
        if found is None:
            raise RefusedError(malformed(400, "The request line is not METHOD TARGET HTTP/1.1"))
        command, target, major, minor = found.groups()
        if major != b"1":
            raise RefusedError(malformed(505, "This server speaks HTTP/1.1 and HTTP/1.0 alone"))
        if not _TARGET.fullmatch(target) and command != b"CONNECT":
            raise RefusedError(malformed(400, "The target of the request is no path"))
        try:
            _, _, self.path, self.query, _ = split_uri(target)
        except (ValueError, ParsingError) as error:
            raise RefusedError(malformed(400, "The target of the request is no URI")) from error
        self.command = command.decode()
        self.request_uri = target.decode()
        self.version = (
            "1.0" if minor == b"0" else "1.1"
        )  # a later minor version counts as 1.1 (RFC 9110, 2.5)

    def _parse_fields(self, lines: list[bytes]) -> int:
        """Parse the header fields. Returns the number of Host fields."""
        headers = self.headers
        hosts = 0
        for line in lines:
            name, colon, value = line.partition(b":")
            # Servers read a blank before the colon or at the beginning of a line in two ways (RFC 9112, 5.1 and 5.2).
            if not colon or not (key := _known_key(name) if len(name) <= _KNOWN else _key(name)):
                raise RefusedError(malformed(400, "A header field is not NAME: VALUE on one line"))
            if b"_" in name:
                continue  # WSGI cannot tell it from the same name with a dash
            text = value.strip(b" \t").decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
            hosts += key == "HOST"
        return hosts

    def _check_host(self, hosts: int) -> None:
        """Require exactly one valid Host. HTTP/1.0 may leave it out (RFC 9112, 3.2)."""
        if hosts != 1:
            if hosts or self.version == "1.1":
                raise RefusedError(malformed(400, "The request must have one Host header field"))
            return
        host = self.headers["HOST"]
        if not (_is_known_host(host) if len(host) <= _KNOWN else _is_host(host)):
            raise RefusedError(malformed(400, "The Host header field is not HOST or HOST:PORT"))

    # The end of the request (RFC 9112, 6.3)

    def _frame(self) -> None:
        headers = self.headers
        options = {option.strip(" \t").lower() for option in headers.get("CONNECTION", "").split(",")}
        if "close" in options:
            headers["CONNECTION"] = "close"
        coding = headers.pop("TRANSFER_ENCODING", None)
        length = headers.get("CONTENT_LENGTH")
        if coding is not None:
            self._frame_chunked(coding, length)
        elif length is not None:
            self._frame_by_length(length)
        if self.body_rcv is None:
            self.completed = True
        elif self.version == "1.1":
            self.awaits_continue = headers.get("EXPECT", "").lower() == "100-continue"

    def _frame_chunked(self, coding: str, length: str | None) -> None:
        if length is not None:
            raise RefusedError(malformed(400, "Content-Length and Transfer-Encoding exclude each other"))
        if self.version != "1.1":
            raise RefusedError(malformed(400, "Transfer-Encoding needs HTTP/1.1"))
        codings = [part.strip(" \t").lower() for part in coding.split(",")]
        codings = [part for part in codings if part]
        if "chunked" in codings[:-1] or not codings or re.match(r"chunked[ \t]*;", codings[-1]):
            raise RefusedError(malformed(400, "Transfer-Encoding must end with chunked, once"))
        if codings != ["chunked"]:
            raise RefusedError(malformed(501, "The one Transfer-Encoding that is known here is chunked"))
        self.chunked = True
        self.body_rcv = ChunkedBody(self._buffer(), self.adj.max_request_body_size)

    def _frame_by_length(self, length: str) -> None:
        if not _LENGTH.fullmatch(length):
            raise RefusedError(malformed(400, "Content-Length must be one number"))
        self.content_length = int(length)
        if self.content_length >= self.adj.max_request_body_size:
            raise RefusedError(status_refusal(413))
        if self.content_length:
            self.body_rcv = FixedStreamReceiver(self.content_length, self._buffer())

    def _buffer(self) -> OverflowableBuffer:
        return OverflowableBuffer(self.adj.inbuf_overflow)

    # The body

    def _take_body(self, data: bytes) -> int:
        if not self.admitted:
            if self.needs_key_check:
                return 0
            data = data[: UNCHECKED_BODY_LIMIT - self.body_bytes_received]
        body = self.body_rcv
        taken: int = body.received(data)
        self.body_bytes_received += taken
        if isinstance(body, ChunkedBody):
            if body.refusal is not None:
                raise RefusedError(body.refusal)
            if body.completed:
                self.headers["CONTENT_LENGTH"] = str(len(body))
        self.completed = body.completed
        return taken


def _too_large(head: bytes | bytearray) -> Refusal:
    if b"\r\n" not in head:
        return malformed(414, "The request line is too long")
    return malformed(431, "The header fields are too large")


def _key(name: bytes) -> str:
    """The name of a header field in WSGI's form; "" if it is invalid."""
    return name.upper().replace(b"-", b"_").decode() if _TOKEN.fullmatch(name) else ""


def _is_host(text: str) -> bool:
    found = _HOST.fullmatch(text)
    if found is None or int(found[2] or 0) > 65535:
        return False
    try:
        return not found[1] or ipaddress.IPv6Address(found[1]) is not None
    except ValueError:
        return False


# Clients send the same names and hosts each time. Longer ones are not cached, because a client may make them up.
_KNOWN = 64
_known_key = lru_cache(maxsize=256)(_key)
_is_known_host = lru_cache(maxsize=64)(_is_host)
