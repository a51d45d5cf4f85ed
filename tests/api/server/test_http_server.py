"""The server over real sockets: its own refusals, and how it stops."""

from __future__ import annotations

import gc
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, Response, request

from api.server.channel import Channel
from api.server.listeners import ListenError
from api.server.server import Server
from config.settings import ApiSettings

DEADLINE_S = 60.0
LIMIT = 4096
PIECES = [bytes([n]) * 300_000 for n in range(30)]  # more than a socket buffer holds


class EchoServer:
    """A server whose application echoes bodies, and has one path that waits for `go_on`."""

    def __init__(self, **settings: Any) -> None:
        self.entered = threading.Event()
        self.go_on = threading.Event()
        self.server = Server(
            self._app(),
            ApiSettings(listen="127.0.0.1:0", **({"threads": 4, "max_body_bytes": LIMIT} | settings)),
        )
        self.host, self.port = self.server.bind()
        self.server.start()

    def _app(self) -> Flask:
        app = Flask(__name__, static_folder=None)

        @app.post("/echo")
        def echo() -> Response:
            return Response(request.get_data())

        @app.get("/slow")
        def slow() -> Response:
            self.entered.set()
            self.go_on.wait(DEADLINE_S)
            return Response("done")

        @app.get("/large")
        def large() -> Response:
            return Response(b"x" * 8_000_000)

        @app.get("/pieces")
        def pieces() -> Response:
            return Response(PIECES, headers={"Content-Length": str(sum(map(len, PIECES)))})

        return app

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=DEADLINE_S)

    def exchange(self, data: bytes) -> bytes:
        """Send everything, then read to the end of the connection."""
        with self.connect() as client:
            client.sendall(data)
            return read_all(client)


def read_all(client: socket.socket) -> bytes:
    received = b""
    while chunk := client.recv(65536):
        received += chunk
    return received


def read_until(client: socket.socket, end: bytes) -> bytes:
    received = b""
    while not received.endswith(end) and (chunk := client.recv(65536)):
        received += chunk
    return received


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


def envelope(answer: bytes, status: int) -> dict[str, Any]:
    head, body = answer.split(b"\r\n\r\n", 1)
    lines = head.decode().split("\r\n")
    assert lines[0].split(" ")[1] == str(status)
    assert {
        "Content-Type: application/json",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
    } <= {*lines}
    document: dict[str, Any] = json.loads(body)
    assert document["success"] is False
    assert set(document) == {"success", "message", "error", "data"}
    return document


@pytest.fixture
def echo_server() -> Iterator[EchoServer]:
    echo_server = EchoServer()
    yield echo_server
    echo_server.go_on.set()
    assert echo_server.server.stop(DEADLINE_S)


def post(body: bytes, *headers: str) -> bytes:
    lines = ["POST /echo HTTP/1.1", "Host: x", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(*chunks: bytes) -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return post(body + b"0\r\n\r\n", "Transfer-Encoding: chunked")


def test_the_real_port_is_known_and_a_port_in_use_is_a_clear_error(echo_server: EchoServer) -> None:
    assert echo_server.port > 0
    other = Server(Flask(__name__), ApiSettings(listen=f"127.0.0.1:{echo_server.port}"))
    with pytest.raises(ListenError, match=f"127.0.0.1:{echo_server.port}.*in use"):
        other.bind()
    assert other.stop(0)


def test_a_foreign_address_is_a_clear_error() -> None:
    with pytest.raises(ListenError, match=r"cannot listen on 192\.0\.2\.1:0"):
        Server(Flask(__name__), ApiSettings(listen="192.0.2.1:0")).bind()


def test_ipv6_is_listened_on() -> None:
    server = Server(Flask(__name__), ApiSettings(listen="[::1]:0", threads=1))
    try:
        host, port = server.bind()
    except ListenError:
        pytest.skip("this machine has no IPv6")
    server.start()
    with socket.create_connection((host, port), timeout=DEADLINE_S) as client:
        client.sendall(b"GET /x HTTP/1.0\r\n\r\n")
        assert b" 404 " in read_all(client)
    assert server.stop(DEADLINE_S)


def test_a_body_may_be_as_large_as_configured(echo_server: EchoServer) -> None:
    answer = echo_server.exchange(post(b"x" * LIMIT, f"Content-Length: {LIMIT}"))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\n" + b"x" * LIMIT)


def test_a_chunked_body_is_read(echo_server: EchoServer) -> None:
    assert echo_server.exchange(chunked(b"ab", b"c")).endswith(b"\r\n\r\nabc")


@pytest.mark.parametrize("size", [LIMIT + 1, 3_000_000])
def test_a_too_large_body_is_413_after_it_was_sent(echo_server: EchoServer, size: int) -> None:
    document = envelope(echo_server.exchange(post(b"x" * size, f"Content-Length: {size}")), 413)
    assert document["error"] == "payload_too_large"
    assert (
        envelope(echo_server.exchange(chunked(*[b"x" * 1000] * (size // 1000 + 1))), 413)["error"]
        == "payload_too_large"
    )


def test_a_client_that_expects_100_continue_is_refused_at_once(echo_server: EchoServer) -> None:
    with echo_server.connect() as client:
        client.sendall(post(b"", "Content-Length: 9999999", "Expect: 100-continue"))
        assert envelope(read_all(client), 413)["error"] == "payload_too_large"
    with echo_server.connect() as client:
        client.sendall(post(b"", "Content-Length: 2", "Expect: 100-continue"))
        assert client.recv(100).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"ok")
        assert read_all(client).endswith(b"\r\n\r\nok")


def test_a_chunked_body_without_an_end_is_not_read_for_ever(echo_server: EchoServer) -> None:
    with echo_server.connect() as client:
        client.sendall(post(b"1000000\r\n", "Transfer-Encoding: chunked") + b"x" * 0x1000000 + b"\r\n")
        client.sendall(b"1" * 200_000)
        assert envelope(read_all(client), 413)["error"] == "payload_too_large"


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"get /echo HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /echo HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        b"GET /echo HTTP/1.1\r\nHost: x\r\n folded: first\r\n\r\n",
        post(b"", "Content-Length: -1"),
        post(b"", "Content-Length: 1x"),
        post(b"", "Content-Length: " + "9" * 5000),
        b"GET http://[/echo HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /echo?\xe9 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET //echo?\xe9 HTTP/1.1\r\nHost: x\r\n\r\n",
        post(b"zz\r\n", "Transfer-Encoding: chunked"),
        post(b"2\r\nabc\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
    ],
)
def test_bytes_that_are_not_http_are_refused_in_the_envelope(echo_server: EchoServer, data: bytes) -> None:
    document = envelope(echo_server.exchange(data), 400)
    assert document["error"] == "invalid_request"
    assert [fault["field"] for fault in document["data"]["errors"]] == ["request"]


def test_header_fields_too_large_are_refused_in_the_envelope(echo_server: EchoServer) -> None:
    with echo_server.connect() as client:
        client.sendall(b"GET /echo HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 65_536)
        assert envelope(read_all(client), 431)["error"] == "invalid_request"


def test_an_answer_to_head_has_no_body(echo_server: EchoServer) -> None:
    answer = echo_server.exchange(
        b"HEAD /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 9_999_999
    )
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.endswith(b"\r\n\r\n")


def test_requests_on_one_connection_are_answered_in_order(echo_server: EchoServer) -> None:
    first = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na"
    answer = echo_server.exchange(first + first.replace(b"a", b"b") + post(b"c", "Content-Length: 1"))
    assert [part[:1] for part in answer.split(b"\r\n\r\n")[1:]] == [b"a", b"b", b"c"]


def test_head_and_body_of_an_answer_come_in_one_piece_and_through_no_buffer(echo_server: EchoServer) -> None:
    with echo_server.connect() as client:
        for _ in range(20):
            client.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na")
            assert client.recv(65536).endswith(b"\r\n\r\na")
        connections = [found for found in gc.get_objects() if isinstance(found, Channel) and found.connected]
        # While a buffer holds data the loop spins until the sending thread has the interpreter again.
        assert [connection.current_outbuf_count for connection in connections] == [0]


def test_a_slow_client_gets_the_whole_response_in_order(echo_server: EchoServer) -> None:
    with echo_server.connect() as client:
        client.sendall(2 * b"GET /pieces HTTP/1.1\r\nHost: x\r\n\r\n" + post(b"end", "Content-Length: 3"))
        time.sleep(0.2)  # until the socket is full
        received = read_all(client)
    bodies = [answer.split(b"\r\n\r\n", 1)[1] for answer in received.split(b"HTTP/1.1 200 OK\r\n")[1:]]
    assert bodies == [b"".join(PIECES), b"".join(PIECES), b"end"]


def test_a_stopping_server_finishes_requests_in_flight_and_refuses_new_ones() -> None:
    echo_server = EchoServer()
    with echo_server.connect() as begun, echo_server.connect() as idle:
        begun.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        assert echo_server.entered.wait(DEADLINE_S)
        ended: list[bool] = []
        stopper = threading.Thread(target=lambda: ended.append(echo_server.server.stop(DEADLINE_S)))
        stopper.start()
        wait_until(lambda: b" 503 " in echo_server.exchange(b"GET /x HTTP/1.0\r\n\r\n"))
        answer = echo_server.exchange(post(b"{}", "Content-Length: 2"))
        assert envelope(answer, 503)["error"] == "storage_unavailable"
        assert b"\r\nRetry-After: " in answer
        assert stopper.is_alive()
        echo_server.go_on.set()
        assert read_until(begun, b"done").startswith(b"HTTP/1.1 200 ")
        stopper.join(DEADLINE_S)
        assert ended == [True]
        assert begun.recv(1) == b""
        assert idle.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        echo_server.connect()


def test_an_endless_request_delays_the_stop_by_the_time_limit_only() -> None:
    echo_server = EchoServer()
    with echo_server.connect() as begun:
        begun.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        assert echo_server.entered.wait(DEADLINE_S)
        assert not echo_server.server.stop(0.1)
        assert begun.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        echo_server.connect()
    echo_server.go_on.set()
    wait_until(lambda: echo_server.server.stop(0.0))


def test_requests_that_wait_for_a_thread_are_answered_before_the_end() -> None:
    echo_server = EchoServer(threads=1)
    with echo_server.connect() as begun, echo_server.connect() as waiting:
        begun.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        assert echo_server.entered.wait(DEADLINE_S)
        waiting.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
        stopper = threading.Thread(target=echo_server.server.stop, args=(DEADLINE_S,))
        wait_until(lambda: echo_server.server.in_flight == 2)
        stopper.start()
        echo_server.go_on.set()
        assert b" 200 " in read_all(begun)
        assert envelope(read_all(waiting), 503)["error"] == "storage_unavailable"
        stopper.join(DEADLINE_S)


def test_a_response_is_sent_completely_before_the_connection_is_closed() -> None:
    echo_server = EchoServer()
    with echo_server.connect() as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        received = client.recv(1000)
        stopper = threading.Thread(target=echo_server.server.stop, args=(DEADLINE_S,))
        stopper.start()
        received += read_all(client)
        stopper.join(DEADLINE_S)
        assert len(received) > 8_000_000


def test_stop_may_come_first_and_twice_and_leaves_no_descriptor_behind() -> None:
    EchoServer().server.stop(DEADLINE_S)
    before = len(os.listdir("/proc/self/fd"))
    bound = Server(Flask(__name__), ApiSettings(listen="127.0.0.1:0"))
    assert bound.stop(0)
    bound = Server(Flask(__name__), ApiSettings(listen="127.0.0.1:0"))
    bound.bind()
    assert bound.stop(0)
    echo_server = EchoServer()
    assert echo_server.exchange(post(b"x", "Content-Length: 1")).endswith(b"x")
    assert echo_server.server.running
    assert echo_server.server.stop(DEADLINE_S)
    assert echo_server.server.stop(DEADLINE_S)
    assert not echo_server.server.running
    assert len(os.listdir("/proc/self/fd")) == before
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("waitress")]
