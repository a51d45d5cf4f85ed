"""One connection of a client: waitress's own, but every error is told in the envelope, and can be read."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask, WSGITask

from api.access.admission import Admission
from api.access.client_address import client_group, parsed
from api.responses.errors import Refusal, TooMuchInWorkError, refusal, status_refusal
from api.responses.json_format import JSON_HEADERS, document
from api.server.body_budget import BodyBudget
from api.server.in_flight import InFlight
from api.server.request_parser import HEADER_LIMIT, UNCHECKED_BODY_LIMIT, Parser

LINGER_LIMIT = 67_108_864
"""Bytes still read from a client that was refused and goes on sending: as much as a careless upload, not an endless one."""

_TLS = 0x16
"""How a connection of TLS begins (RFC 8446, 5.1: a record of the type handshake). No request does."""

_REASONS = {413: "Content Too Large"} | {
    status.value: status.phrase for status in HTTPStatus if status != 413
}


class EnvelopeTask(ErrorTask):
    """Answers what never reached the application: a broken request, or one that is too large."""

    def execute(self) -> None:
        request: Any = self.request  # a parser; the stubs say otherwise
        channel: Any = self.channel
        refusal = request.refusal or status_refusal(
            request.error.code
        )  # the latter: waitress's own, where an answer failed
        body = document(refusal.envelope).encode()
        self.status = f"{refusal.status} {_REASONS[refusal.status]}"
        self.response_headers = [*JSON_HEADERS.items(), *refusal.headers.items()]
        self.set_close_on_finish()
        channel.lingers = True
        self.content_length = len(body)
        self.write(b"" if getattr(request, "command", "") == "HEAD" else body)


class SingleWriteTask(WSGITask):
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


class KeyCheck:
    """A task for a thread that answers requests: it looks at the key of a request whose body is to come."""

    def __init__(self, channel: Channel, request: Parser, admit: Admission) -> None:
        self._channel = channel
        self._request = request
        self._admit = admit

    def service(self) -> None:
        """See `dispatcher.Dispatcher`."""
        channel: Any = self._channel
        try:
            told = self._admit(self._environ())
            channel.server.trigger.pull_trigger(partial(channel.key_checked, self._request, told))
        finally:
            channel.server.in_flight.end()

    def _environ(self) -> dict[str, Any]:
        """As much of what WSGI passes on as a key is judged by."""
        request, headers = self._request, self._request.headers
        environ = {f"HTTP_{name}": value for name, value in headers.items()}
        if "CONTENT_LENGTH" in headers:
            environ["CONTENT_LENGTH"] = headers["CONTENT_LENGTH"]
        address: Any = self._channel.addr
        return environ | {
            "REQUEST_METHOD": request.command,
            "PATH_INFO": request.path,
            "REMOTE_ADDR": address[0],
        }


class Channel(HTTPChannel):
    """A connection whose requests are counted, and which is closed in stages where the client may still be sending.

    The key of a request is looked at before more than a little of its body is taken, by a thread that answers requests: the
    one that reads never waits for the database. Until it is known nothing more is read.

    To close a connection on which bytes are unread resets it, and the client sees that in place of the answer. So
    only our half is closed first, and what comes is read and dropped until the client closes too (RFC 9112, 9.6), for
    as long as an idle connection is kept. (`crowd.Guest` says what is noted of it for that.)
    """

    parser_class = Parser  # for what waitress makes itself, where an answer failed
    request: Parser | None
    requests: Any
    task_class = SingleWriteTask
    error_task_class = EnvelopeTask

    requests_lock: Any  # the stubs leave it out

    held: list[bytes] | None = None  # what is to be written together
    lingers = False  # to be closed in stages
    _dropped: int | None = None  # bytes dropped since our half was closed

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.request_began = self.last_io = time.monotonic()
        self.arriving = 0
        self._serving = False
        self._unparsed = b""  # what came behind the head of a request whose key is being looked at
        self._checking_key = False  # a key is being looked at
        super().__init__(*args, **kwargs)
        self.client = client_group(parsed(str(self.addr[0])))

    @property
    def working(self) -> bool:
        """Whether a whole request is being answered, or waits for a thread, or its key is being looked at."""
        return self._serving or bool(self.requests) or self._checking_key

    @property
    def next_request(self) -> Any:
        """The request that is to be answered next. For whoever holds the lock of the requests, and has just put one there."""
        return self.requests[0]

    def received(self, data: bytes) -> bool:
        now = time.monotonic()
        if self.request is None:
            self.request_began = now
        self.last_io = now
        self.arriving += len(data)
        with self.requests_lock:
            self._take(self._unparsed + data)
        return True

    def _take(self, data: bytes) -> None:
        """Make requests of what came. By the thread that reads, with the lock of the requests."""
        self._unparsed = b""
        while data and not (self.will_close or self.close_when_flushed):
            if self.request is None:
                if data[0] == _TLS:
                    self.will_close = True  # it would wait for its handshake, and no answer can be read by it
                    break
                self.request = Parser(self.adj)
            request = self.request
            data = data[request.received(data) :]
            if request.completed:
                self.request = None
                if not request.empty:
                    self._queue(request)
                if request.refusal is not None:
                    break  # what follows is never answered
            elif request.needs_key_check:
                self._unparsed = data
                self._start_key_check()
                break
        if self.request is None:
            self.arriving = 0

    def _queue(self, request: Parser) -> None:
        """Have a request answered, where its body has room beside the others that are worked on."""
        server: Any = self.server
        budget: BodyBudget = server.budget
        if request.refusal is None and (size := request.body_bytes) > UNCHECKED_BODY_LIMIT:
            if budget.take(size):
                request.on_close = partial(budget.give_back, size)
            else:
                request.refuse(refusal(TooMuchInWorkError()))
        self.requests.append(request)
        if len(self.requests) == 1:
            server.add_task(self)

    def _start_key_check(self) -> None:
        """Have the key of the request that arrives looked at, once those before it are answered."""
        server: Any = self.server
        if self.request is not None and not self.requests and not self._checking_key:
            self._checking_key = True
            server.in_flight.begin()
            server.task_dispatcher.add_task(KeyCheck(self, self.request, server.admit))

    def _resume_key_check(self) -> None:
        """The requests before the one that waits for its key are answered. By the thread that reads."""
        with self.requests_lock:
            if self.request is not None and self.request.needs_key_check:
                self._start_key_check()

    def key_checked(self, request: Parser, told: Refusal | None) -> None:
        """A key was looked at: take the body, or tell why not. By the thread that reads."""
        with self.requests_lock:
            self._checking_key = False
            if self.request is not request:  # the connection was closed meanwhile
                return
            self.last_io = self.request_began = time.monotonic()
            asks, request.awaits_continue, request.admitted = request.awaits_continue, False, True
            if told is not None:
                request.refuse(told)
                self.request, self._unparsed = None, b""
                self._queue(request)
                return
            asks = asks and not self._unparsed
            self._take(self._unparsed)
        if asks:
            self._send_continue()

    def refuse_arriving(self) -> None:
        """Answer the request that arrives at once: it takes too much beside the others. By the thread that reads."""
        with self.requests_lock:
            request, self.request, self._unparsed = self.request, None, b""
            if request is not None:
                self.arriving = 0
                request.refuse(refusal(TooMuchInWorkError()))
                self._queue(request)
                return
        self.close_now()

    def _send_continue(self) -> None:
        """Tell the client to send the body. Nothing else is being sent."""
        with self.outbuf_lock:
            said = b"HTTP/1.1 100 Continue\r\n\r\n"
            self.outbufs[-1].append(said)
            self.current_outbuf_count += len(said)
            self.total_outbufs_len += len(said)

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
            self.last_io = time.monotonic()
        return sent

    def service(self) -> None:
        server: Any = self.server
        in_flight: InFlight = server.in_flight
        self._serving = True
        try:
            super().service()
        finally:
            self.last_io = self.request_began = (
                time.monotonic()
            )  # before it counts as idle: the answer may not be out yet
            self._serving = False
            in_flight.end()
        with self.requests_lock:
            waits = self.request is not None and self.request.needs_key_check and not self.requests
        if waits and self.connected:
            server.trigger.pull_trigger(self._resume_key_check)

    def readable(self) -> bool:
        return self._dropped is not None or (not self._checking_key and super().readable())

    def handle_read(self) -> None:
        if self._dropped is None:
            super().handle_read()
            return
        with suppress(OSError):
            self._dropped += len(self.recv(HEADER_LIMIT))
            if self._dropped <= LINGER_LIMIT:
                self.last_io = time.monotonic()
                return
        self.close_now()

    def handle_close(self) -> None:
        if not self.lingers or self._dropped is not None or self.socket is None:
            self.close_now()
            return
        self.request_began, self.arriving = time.monotonic(), 0
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:  # the client has closed already
            self.close_now()
        else:
            self._dropped = 0
            self.will_close = False

    def close_now(self) -> None:
        """Close the connection at once, with what has arrived of a request."""
        with self.requests_lock:
            unfinished, self.request = self.request, None
        if unfinished is not None:
            unfinished.close()
        super().handle_close()
