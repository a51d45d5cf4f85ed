"""The HTTP server: waitress, bound before it starts, and stopped in bounded time."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Container, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer

from api.access.admission import Admission
from api.responses.errors import refusal
from api.responses.json_format import JSON_HEADERS, document
from api.server.body_budget import BodyBudget
from api.server.channel import Channel
from api.server.connection_limits import ConnectionLimits, expired, to_close
from api.server.dispatcher import Dispatcher
from api.server.in_flight import InFlight
from api.server.listeners import ListenError, open_listeners
from api.server.request_parser import HEADER_LIMIT, UNCHECKED_BODY_LIMIT
from config.settings import Address, ApiSettings
from gatewayd.errors import StorageUnavailableError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

__all__ = ["ListenError", "Server"]

LOOP_TIMEOUT_S = 15.0
"""The longest sleep of the server's loop. Connections that are idle for two minutes must be found in time."""

EXPIRY_CHECK_S = 1.0
"""The shortest time between two searches for expired connections."""

URGENT_THREADS = 2
"""Threads for refusals and urgent paths, beside those for all other requests."""

_WORK_BYTES = 8 << 20
"""Bytes of large bodies that are worked on at a time, or twice the largest allowed body, if that is more. Malicious JSON takes
twenty times its size in memory."""

EXIT_S = 1
"""Time for idle threads to end."""


def _admit_all(_: WSGIEnvironment) -> None:
    """Refuse no body."""


class Server:
    """One HTTP server for one WSGI application. Call bind, start, refuse and stop once each, in this order."""

    def __init__(
        self,
        application: WSGIApplication,
        settings: ApiSettings,
        limits: ConnectionLimits | None = None,
        *,
        admit: Admission = _admit_all,
        urgent: Container[str] = (),
    ) -> None:
        """`admit`: checks the head of a request before its body is read.

        `urgent`: paths with threads of their own, so that they are answered however many other requests wait.
        """
        self._application = application
        self._settings = settings
        self._admit = admit
        self._urgent_paths = urgent
        self._limits = limits or ConnectionLimits(
            arriving_bytes=max(ConnectionLimits().arriving_bytes, 2 * settings.max_body_bytes)
        )
        self._in_flight = InFlight()
        self._refusing = threading.Event()
        self._closing = threading.Event()
        self._flush_until = 0.0  # monotonic; set before `_closing`
        self._map: dict[int, Any] = {}
        self._listeners: list[socket.socket] = []
        self._dispatcher: Dispatcher | None = None
        self._urgent: Dispatcher | None = None
        self._waitress: _Waitress | None = None
        self._others: list[_Listener] = []
        self._loop = threading.Thread(target=self._run, name="http", daemon=True)

    def bind(self) -> tuple[str, int]:
        """Listen on the configured addresses. Returns the first, with the real port if 0 was configured. Raises ListenError."""
        self._listeners = open_listeners(self._settings.addresses)
        host, port = self._settings.address
        names = [listener.getsockname() for listener in self._listeners]
        return names[0][0] if host == "*" else host, port or names[0][1]

    @property
    def addresses(self) -> list[Address]:
        """The address of each listening socket. Call `bind` first."""
        return [Address(*listener.getsockname()[:2]) for listener in self._listeners]

    def start(self) -> None:
        """Start to answer requests. Call `bind` first."""
        if not self._listeners:
            raise RuntimeError("bind the server before it is started")
        first, *others = self._listeners
        self._dispatcher = Dispatcher(self._settings.threads)
        self._urgent = Dispatcher(URGENT_THREADS)
        self._waitress = _Waitress(
            self._unless_stopping,
            map=self._map,
            _sock=first,
            dispatcher=self._dispatcher,
            adj=self._adjustments(),
            sockinfo=(
                first.family,
                first.type,
                first.proto,
                first.getsockname(),
            ),
            bind_socket=False,
            in_flight=self._in_flight,
            limits=self._limits,
            admit=self._admit,
            budget=BodyBudget(max(_WORK_BYTES, 2 * self._settings.max_body_bytes)),
            urgent=self._urgent,
            urgent_paths=self._urgent_paths,
        )
        self._others = [_Listener(self._waitress, each, self._map) for each in others]
        self._loop.start()

    @property
    def running(self) -> bool:
        """Whether the reading thread is alive. False between `start` and `stop` means that it ended unexpectedly."""
        return self._loop.is_alive()

    def probe(self, answered: Callable[[], None]) -> None:
        """Send `answered` from the reading thread to a thread of the dispatcher, which calls it.

        So it is called only while both threads work. Call it from any thread, between `start` and `stop`.
        """
        if self._waitress is not None and self._dispatcher is not None:
            trigger: Any = self._waitress.trigger  # the stubs call it a number
            dispatcher: Any = self._dispatcher  # the stubs accept waitress's own tasks only
            trigger.pull_trigger(partial(dispatcher.add_task, _Probe(answered)))

    @property
    def in_flight(self) -> int:
        """The number of complete requests that are not answered yet."""
        return self._in_flight.count

    def refuse(self) -> None:
        """Answer every new request with 503 from now on. Requests in flight continue."""
        self._refusing.set()

    def stop(self, timeout_s: float) -> bool:
        """Refuse new requests, wait for requests in flight, and close. Idempotent.

        Returns whether all requests ended within `timeout_s`. Every connection is closed after that time.
        """
        self.refuse()
        deadline = time.monotonic() + timeout_s
        ended = self._in_flight.wait_empty(timeout_s)
        if self._waitress is not None:
            self._close(self._waitress, deadline, ended=ended)
        else:
            for listener in self._listeners:
                listener.close()
        return ended

    def _close(self, waitress: _Waitress, deadline: float, *, ended: bool) -> None:
        dispatchers = [each for each in (self._dispatcher, self._urgent) if each is not None]
        if self._loop.is_alive():
            self._flush_until = deadline
            self._closing.set()
            waitress.pull_trigger()
            self._loop.join(max(0.0, deadline - time.monotonic()) + EXIT_S)
        for connection in [found for found in self._map.values() if isinstance(found, Channel)]:
            connection.close_now()
        for dispatcher in dispatchers:
            dispatcher.set_thread_count(0)
        for listener in self._others:
            listener.close()
        if ended:
            waitress.close()
            for dispatcher in dispatchers:
                dispatcher.shutdown(cancel_pending=False, timeout=EXIT_S)
        else:
            # A working thread may still write to the wake-up pipe, so the pipe stays open until the process ends.
            wasyncore.dispatcher.close(waitress)

    def _run(self) -> None:
        sleep_s = min(LOOP_TIMEOUT_S, self._limits.idle_s / 8)
        while not self._closing.is_set() and self._waitress is not None:
            self._waitress.close_expired()
            wasyncore.loop(sleep_s, use_poll=True, map=self._map, count=1)
        while self._unsent() and (left := self._flush_until - time.monotonic()) > 0:
            wasyncore.loop(left, use_poll=True, map=self._map, count=1)

    def _unsent(self) -> bool:
        return any(isinstance(found, Channel) and found.total_outbufs_len for found in self._map.values())

    def _unless_stopping(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not self._refusing.is_set():
            return self._application(environ, start_response)
        stopping = refusal(StorageUnavailableError("The gateway is stopping; nothing was taken"))
        body = document(stopping.envelope).encode()
        headers = {**JSON_HEADERS, "Content-Length": str(len(body)), **stopping.headers}
        start_response("503 Service Unavailable", list(headers.items()))
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _adjustments(self) -> Adjustments:
        return Adjustments(
            threads=self._settings.threads,
            max_request_header_size=HEADER_LIMIT,
            max_request_body_size=self._settings.max_body_bytes + 1,  # waitress refuses a body of this size
            inbuf_overflow=UNCHECKED_BODY_LIMIT,  # bytes in memory before a body goes to a file: 500 slow clients must not fill the memory
            asyncore_use_poll=True,  # select() fails above descriptor 1023
            clear_untrusted_proxy_headers=False,  # api/access/client_address.py decides which headers to trust
            log_socket_errors=False,  # a client that disconnects is no error
            ident=None,
        )


class _Probe:
    """A task for the dispatcher, like a request."""

    def __init__(self, answered: Callable[[], None]) -> None:
        self._answered = answered

    def service(self) -> None:
        """Run by a thread of the dispatcher."""
        self._answered()


class _Waitress(TcpWSGIServer):
    """Waitress's server with our channels and connection limits."""

    channel_class = Channel
    active_channels: dict[int, Channel]  # type: ignore[assignment]  # the stubs have one channel

    def __init__(
        self,
        *args: Any,
        in_flight: InFlight,
        limits: ConnectionLimits,
        admit: Admission,
        budget: BodyBudget,
        urgent: Dispatcher,
        urgent_paths: Container[str],
        **kwargs: Any,
    ) -> None:
        self.in_flight = in_flight
        self.admit = admit
        self.budget = budget
        self._urgent = urgent
        self._urgent_paths = urgent_paths
        self._limits = limits
        self._check_at = 0.0
        super().__init__(*args, **kwargs)

    def readable(self) -> bool:
        """Whether a connection can be accepted. Replaces waitress's method, which closes idle connections too (see `close_expired`)."""
        return bool(self.accepting) and len(self.active_channels) < self._limits.connections

    def close_expired(self) -> None:
        """Close expired connections, and those in excess of the limits.

        Replaces waitress's `maintenance`, which uses the wall clock, never closes a connection whose client reads nothing, and
        accepts no connection at the limit. Call it between two turns of the loop: within a turn, the number of a closed
        descriptor may be used by a new connection before the turn ends.
        """
        now = time.monotonic()
        if now >= self._check_at:
            self._check_at = now + min(EXPIRY_CHECK_S, self._limits.arrival_s, self._limits.idle_s / 8)
            for connection in self._connections():
                if expired(connection, self._limits, now):
                    connection.close_now()
        full = len(self.active_channels) >= self._limits.connections
        for connection in to_close(self._connections(), self._limits):
            if full:
                connection.close_now()
            else:
                connection.refuse_arriving()  # too many bytes arrive, but there is room for a response

    def _connections(self) -> list[Channel]:
        return list(self.active_channels.values())

    def add_task(self, task: Any) -> None:
        """Queue the next request of a channel for a dispatcher."""
        self.in_flight.begin()
        request = task.next_request
        if request.error or request.path in self._urgent_paths:
            self._urgent.add_task(task)
        else:
            super().add_task(task)


class _Listener(wasyncore.dispatcher):
    """One more listening socket of the server."""

    def __init__(self, server: _Waitress, listener: socket.socket, map_: dict[int, Any]) -> None:
        self._server: Any = server
        self._connections = map_
        super().__init__(listener, map=map_)
        self.accepting = True

    def readable(self) -> bool:
        """As the first listening socket."""
        return bool(self._server.readable())

    def writable(self) -> bool:
        """A listening socket is never written to."""
        return False

    def handle_accept(self) -> None:
        """Accept a connection."""
        server = self._server
        try:
            accepted = self.accept()
            if accepted is not None:
                server.set_socket_options(accepted[0])
        except OSError as error:  # the client has disconnected
            log.debug("Connection not accepted: %s", error)
            return
        if accepted is not None:
            server.channel_class(server, *accepted, server.adj, map=self._connections)
