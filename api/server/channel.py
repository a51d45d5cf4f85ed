"""One connection of a client: waitress's channel, but every error is in the envelope and reaches the client."""

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
"""Bytes that are still read from a refused client that continues to send: enough for a large upload, not for an endless one."""

_TLS = 0x16
"""First byte of a TLS connection (RFC 8446, 5.1: a record of the type handshake). No HTTP request begins with it."""

_REASONS = {413: "Content Too Large"} | {
    status.value: status.phrase for status in HTTPStatus if status != 413
}


class EnvelopeTask(ErrorTask):
    """Answers a request that never reached the application: malformed or too large."""

    def execute(self) -> None:
        request: Any = self.request  # a Parser; the stubs have another type
        channel: Any = self.channel
        refusal = request.refusal or status_refusal(
            request.error.code
        )  # status_refusal: an error of waitress, where the application failed
        body = document(refusal.envelope).encode()
        self.status = f"{refusal.status} {_REASONS[refusal.status]}"
        self.response_headers = [*JSON_HEADERS.items(), *refusal.headers.items()]
        self.set_close_on_finish()
        channel.lingers = True
        self.content_length = len(body)
        self.write(b"" if getattr(request, "command", "") == "HEAD" else body)


class SingleWriteTask(WSGITask):
    """Sends the head of a response and the first block of its body together: one packet and one system call."""

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
    """A task for the dispatcher: check the key of a request before its body is read."""

    def __init__(self, channel: Channel, request: Parser, admit: Admission) -> None:
        self._channel = channel
        self._request = request
        self._admit = admit

    def service(self) -> None:
        """Run by a thread of the dispatcher."""
        channel: Any = self._channel
        try:
            refusal = self._admit(self._environ())
            channel.server.trigger.pull_trigger(partial(channel.key_checked, self._request, refusal))
        finally:
            channel.server.in_flight.end()

    def _environ(self) -> dict[str, Any]:
        """The part of the WSGI environment that the check needs."""
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
    """A connection that counts its requests, checks keys early, and closes in stages (lingering close).

    The key of a request is checked before more than `UNCHECKED_BODY_LIMIT` bytes of its body are read. A thread of the
    dispatcher checks it, because the reading thread must never wait for the database. Nothing more is read until then.

    Closing a connection with unread bytes resets it, and the client gets the reset instead of the response. So only our
    half is closed first, and received bytes are dropped until the client closes too (RFC 9112, 9.6), for at most
    `ConnectionLimits.idle_s`. The attributes of `connection_limits.Connection` are kept here.
    """

    parser_class = Parser  # for requests that waitress makes itself after an error
    request: Parser | None
    requests: Any
    task_class = SingleWriteTask
    error_task_class = EnvelopeTask

    requests_lock: Any  # missing in the stubs

    held: list[bytes] | None = None  # blocks to write together
    lingers = False  # close in stages
    _dropped: int | None = None  # bytes dropped since our half was closed; None before

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.request_began = self.last_io = time.monotonic()
        self.arriving = 0
        self._serving = False
        self._unparsed = b""  # bytes received behind the head of a request whose key is being checked
        self._checking_key = False  # a key is being checked
        super().__init__(*args, **kwargs)
        self.client = client_group(parsed(str(self.addr[0])))

    @property
    def working(self) -> bool:
        """Whether a complete request is being answered or waits for a thread, or a key is being checked."""
        return self._serving or bool(self.requests) or self._checking_key

    @property
    def next_request(self) -> Any:
        """The request to answer next. The caller holds `requests_lock` and has just queued a request."""
        return self.requests[0]

    def check_client_disconnected(self) -> bool:  # type: ignore[override]  # the stubs say None
        """Whether the client has closed the connection. For the thread that answers a request, while it waits.

        The loop does not read from the connection meanwhile, so it does not notice. Replaces waitress's method, which knows
        only of what the loop read. The application finds it as `waitress.client_disconnected`.
        """
        connection = self.socket  # the loop may close it meanwhile
        if not self.connected or connection is None:
            return True
        try:
            return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:  # nothing has come
            return False
        except OSError:
            return True

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
        """Parse received bytes into requests. Runs in the reading thread, under `requests_lock`."""
        self._unparsed = b""
        while data and not (self.will_close or self.close_when_flushed):
            if self.request is None:
                if data[0] == _TLS:
                    self.will_close = True  # the client waits for a handshake and can read no response
                    break
                self.request = Parser(self.adj)
            request = self.request
            data = data[request.received(data) :]
            if request.completed:
                self.request = None
                if not request.empty:
                    self._queue(request)
                if request.refusal is not None:
                    break  # following requests are never answered
            elif request.needs_key_check:
                self._unparsed = data
                self._start_key_check()
                break
        if self.request is None:
            self.arriving = 0

    def _queue(self, request: Parser) -> None:
        """Queue a request for the dispatcher. It is refused if its body exceeds the budget for bodies in work."""
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
        """Start the key check of the arriving request, once the requests before it are answered."""
        server: Any = self.server
        if self.request is not None and not self.requests and not self._checking_key:
            self._checking_key = True
            server.in_flight.begin()
            server.task_dispatcher.add_task(KeyCheck(self, self.request, server.admit))

    def _resume_key_check(self) -> None:
        """Start the key check that waited for earlier requests. Runs in the reading thread."""
        with self.requests_lock:
            if self.request is not None and self.request.needs_key_check:
                self._start_key_check()

    def key_checked(self, request: Parser, refused: Refusal | None) -> None:
        """A key was checked: read the body, or refuse it. Runs in the reading thread."""
        with self.requests_lock:
            self._checking_key = False
            if self.request is not request:  # the connection was closed meanwhile
                return
            self.last_io = self.request_began = time.monotonic()
            awaits, request.awaits_continue, request.admitted = request.awaits_continue, False, True
            if refused is not None:
                request.refuse(refused)
                self.request, self._unparsed = None, b""
                self._queue(request)
                return
            awaits = awaits and not self._unparsed
            self._take(self._unparsed)
        if awaits:
            self._send_continue()

    def refuse_arriving(self) -> None:
        """Refuse the arriving request, because too many bytes arrive in all. Runs in the reading thread."""
        with self.requests_lock:
            request, self.request, self._unparsed = self.request, None, b""
            if request is not None:
                self.arriving = 0
                request.refuse(refusal(TooMuchInWorkError()))
                self._queue(request)
                return
        self.close_now()

    def _send_continue(self) -> None:
        """Send `100 Continue`. The caller makes sure that no response is being sent."""
        with self.outbuf_lock:
            line = b"HTTP/1.1 100 Continue\r\n\r\n"
            self.outbufs[-1].append(line)
            self.current_outbuf_count += len(line)
            self.total_outbufs_len += len(line)

    def write_soon(self, data: Any) -> int:
        if self.held is not None:
            self.held.append(data)
            return len(data)
        # Data that the socket accepts at once goes into no buffer. While a buffer holds data, the loop wants to send it too:
        # it spins and holds the interpreter while the sending thread waits for it. With 64 clients that cost 9/10 of the rate.
        if isinstance(data, bytes) and self.connected:
            with (
                self.outbuf_lock,
                suppress(OSError),
            ):  # super().write_soon meets the same error and handles it
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
            # Set before the connection counts as idle: the response may not be sent yet.
            self.last_io = self.request_began = time.monotonic()
            self._serving = False
            in_flight.end()
        with self.requests_lock:
            waiting = self.request is not None and self.request.needs_key_check and not self.requests
        if waiting and self.connected:
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
        except OSError:  # the client has closed the connection
            self.close_now()
        else:
            self._dropped = 0
            self.will_close = False

    def close_now(self) -> None:
        """Close the connection at once, and drop an incomplete request."""
        with self.requests_lock:
            unfinished, self.request = self.request, None
        if unfinished is not None:
            unfinished.close()
        super().handle_close()
