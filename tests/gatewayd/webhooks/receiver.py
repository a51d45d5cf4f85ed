"""Receivers of webhooks on real sockets: one that records requests and answers as the test says, and one of raw bytes."""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from types import TracebackType

from gatewayd.webhooks.judge import Judge
from gatewayd.webhooks.poster import Way

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def open_judge() -> Judge:
    """A judge that permits loopback, where the receivers of the tests listen."""
    return Judge(exempt=LOOPBACK)


def open_way(ca_file: Path | None = None) -> Way:
    """The way to receivers on loopback."""
    return Way(judge=open_judge(), ca_file=ca_file, online=lambda: True)


@dataclass(frozen=True)
class Received:
    """One request of the gateway. `at`: monotonic seconds."""

    path: str
    headers: Mapping[str, str]  # lower-case names
    body: bytes
    at: float = field(default_factory=time.monotonic)
    connection: int = 0  # the port of the client: the same for requests on one connection


@dataclass(frozen=True)
class Answer:
    """The answer to a request."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Receiver:
    """A server that records each request. `answer`: chooses the answer; it may block."""

    def __init__(
        self,
        answer: Callable[[Received], Answer] = lambda _: Answer(),
        *,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        self.received: list[Received] = []
        self.answer = answer
        self.stopping = threading.Event()
        self.connections: list[socket.socket] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                owner.connections.append(self.request)
                super().setup()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Received(self.path, headers, body, connection=self.client_address[1])
                owner.received.append(request)
                chosen = owner.answer(request)
                self.send_response(chosen.status)
                for name, value in chosen.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(chosen.body)))
                self.end_headers()
                self.wfile.write(chosen.body)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_: object) -> None:
                pass  # the gateway closed the connection

        self._server = Server(("127.0.0.1", port), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def ids(self) -> list[str]:
        """The ids of the received events, in order."""
        return [one.headers["webhook-id"] for one in self.received]

    def close(self) -> None:
        """Stop it with all its connections, and release answers that wait for `stopping`."""
        self.stopping.set()
        self._server.shutdown()
        for connection in self.connections:
            with contextlib.suppress(OSError):  # closed already
                connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Receiver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class RawReceiver:
    """Gives each accepted connection to a function of the test, one after the other."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self.accepted = 0
        self.errors: queue.SimpleQueue[OSError] = queue.SimpleQueue()
        self._serve = serve
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            with connection:
                try:
                    self._serve(connection)
                except OSError as error:
                    self.errors.put(error)  # the gateway closed it

    def __enter__(self) -> RawReceiver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


def read_request(connection: socket.socket) -> bytes:
    """Read one request up to the end of its body `{}`, or to the end of the connection."""
    data = b""
    while not data.endswith(b"{}"):
        piece = connection.recv(65536)
        if not piece:
            break
        data += piece
    return data


@dataclass(frozen=True)
class Certificates:
    """A throw-away authority, and a certificate of it for `hooks.test` and 127.0.0.1."""

    ca: Path
    certificate: Path
    key: Path

    @classmethod
    def make(cls, folder: Path) -> Certificates:
        """Make them with openssl(1)."""
        made = cls(folder / "ca.pem", folder / "server.pem", folder / "server.key")
        new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
        _openssl(
            "req", "-x509", *new_key, "-subj", "/CN=Test CA", "-out", made.ca, "-keyout", folder / "ca.key"
        )
        _openssl(
            *(
                "req",
                "-x509",
                *new_key,
                "-subj",
                "/CN=hooks.test",
                "-CA",
                made.ca,
                "-CAkey",
                folder / "ca.key",
            ),
            *(
                "-addext",
                "subjectAltName=DNS:hooks.test,IP:127.0.0.1",
                "-addext",
                "basicConstraints=CA:FALSE",
            ),
            *("-out", made.certificate, "-keyout", made.key),
        )
        return made

    def server(self) -> ssl.SSLContext:
        """The TLS settings of a server with the certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=30)
