"""One connection of a client: waitress's own, but every error is told in the envelope, and can be read."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, WSGITask

from api.address import neighbourhood, parsed
from api.errors import status_refusal
from api.flight import Flight
from api.formats import HEADERS, document

HEADER_LIMIT = 65_536
"""Bytes of the request line and all header fields; real ones take less than one thousand."""

LINGER_LIMIT = 67_108_864
"""Bytes still read from a client that was refused and goes on sending: as much as a careless upload, not an endless one."""

REASONS = {
    400: "Bad Request",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
}


class Parser(HTTPRequestParser):
    """Tells a client that asks before it sends (RFC 9110, 10.1.1) no, where it is no; and every client what is wrong."""

    query: str  # the stubs leave it out

    def received(self, data: bytes) -> int:
        consumed = super().received(data)
        if self.error:
            self.expect_continue = False  # else waitress would ask for the body first
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        # A length of thousands of digits, or half an IPv6 address in the request line: waitress would close the
        # connection without a word.
        try:
            super().parse_header(header_plus)
        except ValueError as error:
            raise ParsingError(str(error)) from error
        if not self.query.isascii():  # RFC 3986, 2: all else is written as %XX. Flask would fail to decode it
            raise ParsingError("the query is not ASCII")


class EnvelopeTask(ErrorTask):
    """Answers what never reached the application: a broken request, or one that is too large."""

    def execute(self) -> None:
        request: Any = self.request  # a parser; the stubs say otherwise
        channel: Any = self.channel
        refusal = status_refusal(request.error.code)
        body = document(refusal.envelope).encode()
        self.status = f"{refusal.status} {REASONS[refusal.status]}"
        self.response_headers = [("Content-Type", "application/json"), *HEADERS.items()]
        self.set_close_on_finish()
        channel.lingers = True
        self.content_length = len(body)
        self.write(b"" if getattr(request, "command", "") == "HEAD" else body)


class WholeTask(WSGITask):
    """Gives the head of an answer and the first of its body to the connection at once: one packet, and one call."""

    def write(self, data: bytes) -> None:
        channel: Any = self.channel
        if self.wrote_header:
            super().write(data)
            return
        channel.held = []
        try:
            super().write(data)
        finally:
            held, channel.held = b"".join(channel.held), None
        channel.write_soon(held)


class Channel(HTTPChannel):
    """A connection whose requests are counted, and which is closed in stages where the client may still be sending.

    To close a connection on which bytes are unread resets it, and the client sees that in place of the answer. So
    only our half is closed first, and what comes is read and dropped until the client closes too (RFC 9112, 9.6), for
    as long as an idle connection is kept. (`crowd.Guest` says what is noted of it for that.)
    """

    parser_class = Parser
    task_class = WholeTask
    error_task_class = EnvelopeTask

    requests_lock: Any  # the stubs leave it out

    held: list[bytes] | None = None  # what is to be written together
    lingers = False  # to be closed in stages
    _dropped: int | None = None  # bytes dropped since our half was closed

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.since = self.moved = time.monotonic()
        self.arriving = 0
        self._serving = False
        super().__init__(*args, **kwargs)
        self.client = neighbourhood(parsed(str(self.addr[0])))

    @property
    def working(self) -> bool:
        """Whether a whole request is being answered, or waits for a thread."""
        return self._serving or bool(self.requests)

    def received(self, data: bytes) -> bool:
        now = time.monotonic()
        if self.request is None:
            self.since = now
        self.moved = now
        self.arriving += len(data)
        went_on: bool = super().received(data)
        if self.request is None:
            self.arriving = 0
        return went_on

    def write_soon(self, data: Any) -> int:
        if self.held is not None:
            self.held.append(data)
            return len(data)
        # What the socket takes at once goes into no buffer. While one holds something the loop wants to send that, too: it
        # would turn without a pause, and hold the interpreter, for as long as the thread that sends waits for just that.
        if isinstance(data, bytes) and self.connected:
            with self.outbuf_lock, suppress(OSError):  # an error is found again, and dealt with, below
                if not self.total_outbufs_len:
                    data = data[self.send(data, do_close=False) :]
        written: int = super().write_soon(data)
        return written

    def send(self, data: bytes, do_close: bool = True) -> int:
        sent: int = super().send(data, do_close)
        if sent:
            self.moved = time.monotonic()
        return sent

    def service(self) -> None:
        server: Any = self.server
        flight: Flight = server.flight
        self._serving = True
        try:
            super().service()
        finally:
            self.moved = self.since = (
                time.monotonic()
            )  # before it counts as idle: the answer may not be out yet
            self._serving = False
            flight.end()

    def readable(self) -> bool:
        return self._dropped is not None or super().readable()

    def handle_read(self) -> None:
        if self._dropped is None:
            super().handle_read()
            return
        with suppress(OSError):
            self._dropped += len(self.recv(HEADER_LIMIT))
            if self._dropped <= LINGER_LIMIT:
                self.moved = time.monotonic()
                return
        self.close_wholly()

    def handle_close(self) -> None:
        if not self.lingers or self._dropped is not None or self.socket is None:
            self.close_wholly()
            return
        self.since, self.arriving = time.monotonic(), 0
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:  # the client has closed already
            self.close_wholly()
        else:
            self._dropped = 0
            self.will_close = False

    def close_wholly(self) -> None:
        """Close the connection at once, with what has arrived of a request."""
        with self.requests_lock:
            unfinished, self.request = self.request, None
        if unfinished is not None:
            unfinished.close()
        super().handle_close()
