"""A large body is read only with a valid key, and all bodies together stay within a limit."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from api.server.body_budget import BodyBudget
from api.server.connection_limits import ConnectionLimits
from api.server.server import Server
from config.settings import ApiSettings
from tests.api.api_server import DEADLINE_S, ApiServer
from tests.api.server.test_http_server import envelope, read_all, read_until
from tests.conftest import eventually


def head(path: str, *fields: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", *fields, "", ""]).encode()


CHUNKED = "Transfer-Encoding: chunked"
EXPECT_CONTINUE = "Expect: 100-continue"
LARGE = "Content-Length: 1000000"


@pytest.mark.parametrize(
    "fields",
    [[LARGE], ["Content-Length: 10", EXPECT_CONTINUE], [LARGE, EXPECT_CONTINUE], [CHUNKED, EXPECT_CONTINUE]],
)
@pytest.mark.parametrize(
    ("key", "code"),
    [
        ([], "missing_api_key"),
        (["X-API-Key: wrong"], "invalid_api_key"),
        (["Authorization: Bearer x"], "invalid_api_key"),
    ],
)
def test_without_a_valid_key_no_body_is_read(
    build: Callable[..., ApiServer], fields: list[str], key: list[str], code: str
) -> None:
    api_server = build()
    for path in ("/api/sms/send", "/api/sms/send-bulk", "/api/sms/ussd", "/nowhere"):
        with api_server.connect() as client:
            client.sendall(head(path, *key, *fields))
            answer = read_all(client)
        assert b" 100 " not in answer
        assert envelope(answer, 401)["error"] == code
        assert b"\r\nwww-authenticate: bearer\r\n" in answer.lower()
        assert b"\r\nConnection: close\r\n" in answer


def test_an_inactive_key_is_refused_as_without_a_body(build: Callable[..., ApiServer]) -> None:
    api_server = build()
    api_server.played.store.write(lambda db: db.execute("UPDATE api_keys SET active = 0"))
    with api_server.connect() as client:
        client.sendall(
            head("/api/sms/send", f"X-API-Key: {api_server.key}", "Content-Length: 2", EXPECT_CONTINUE)
        )
        refused = envelope(read_all(client), 401)
    assert (refused["error"], refused["data"]["deactivated"]) == ("inactive_api_key", True)


def test_a_wrong_key_before_a_body_counts_like_any_other(build: Callable[..., ApiServer]) -> None:
    api_server = build(wrong_keys_per_minute=2)
    codes = []
    for _ in range(3):
        with api_server.connect() as client:
            client.sendall(head("/api/sms/send", "X-API-Key: wrong", LARGE))
            answer = read_all(client)
            codes.append(answer.split(b" ")[1])
    assert codes == [b"401", b"401", b"429"]
    assert b"\r\nRetry-After: " in answer


def test_an_address_outside_the_allow_list_may_send_no_body(build: Callable[..., ApiServer]) -> None:
    api_server = build(allowed_networks=["192.168.1.0/24"], trusted_proxies=["127.0.0.1"])
    with api_server.connect() as client:
        key = f"X-API-Key: {api_server.key}"
        client.sendall(head("/api/sms/send", key, "X-Forwarded-For: 10.0.0.1", LARGE))
        assert envelope(read_all(client), 403)["error"] == "address_not_allowed"


def test_with_a_valid_key_the_body_is_read(build: Callable[..., ApiServer]) -> None:
    api_server = build()
    body = json.dumps({"recipient": "70123456", "message": "x"}).encode()
    with api_server.connect() as client:
        key = f"X-API-Key: {api_server.key}"
        client.sendall(
            head(
                "/api/sms/send",
                key,
                f"Content-Length: {len(body)}",
                EXPECT_CONTINUE,
                "Prefer: respond-async",
                "Connection: close",
            )
        )
        assert read_until(client, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        assert b'"pending"' in read_all(client)


def test_a_large_chunked_body_with_a_key_is_read_to_its_end(build: Callable[..., ApiServer]) -> None:
    api_server = build()
    messages = [{"recipient": "70123456", "message": "x" * 1500}] * 100
    body = json.dumps({"messages": messages}).encode()
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(piece), piece)
        for piece in (body[at : at + 1000] for at in range(0, len(body), 1000))
    )
    with api_server.connect() as client:
        fields = [f"X-API-Key: {api_server.key}", CHUNKED, "Connection: close"]
        client.sendall(head("/api/sms/send-bulk", *fields) + chunks + b"0\r\n\r\n")
        answer = read_all(client)
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["summary"] == {
        "total": 100,
        "success": 100,
        "failed": 0,
    }


def test_many_small_chunks_without_a_key_are_not_read_to_their_end(
    build: Callable[..., ApiServer],
) -> None:
    api_server = build()
    with api_server.connect() as client:
        client.sendall(head("/api/sms/send", CHUNKED))
        started_at = time.process_time()
        client.sendall(b"1\r\n \r\n" * 600_000)
        assert envelope(read_all(client), 401)["error"] == "missing_api_key"
        spent = time.process_time() - started_at
    assert spent < 1.0, "the body was read to its end"  # usually a twentieth of that


@pytest.mark.parametrize("path", ["/api/health", "/metrics"])
def test_a_path_without_a_key_accepts_no_large_body(build: Callable[..., ApiServer], path: str) -> None:
    api_server = build()
    for fields in ([LARGE], [CHUNKED, EXPECT_CONTINUE]):
        with api_server.connect() as client:
            client.sendall(head(path, *fields))
            assert envelope(read_all(client), 413)["error"] == "payload_too_large"
    with api_server.connect() as client:
        client.sendall(head(path, "Content-Length: 1", EXPECT_CONTINUE))
        assert read_until(client, b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")


def test_keys_are_checked_in_order_on_a_connection(build: Callable[..., ApiServer]) -> None:
    api_server = build()
    with api_server.connect() as client:
        first = f"GET /api/sms/quota HTTP/1.1\r\nHost: x\r\nX-API-Key: {api_server.key}\r\n\r\n".encode()
        client.sendall(first * 3 + head("/api/sms/send", LARGE) + first)
        answers = read_all(client).split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"200", b"200", b"200", b"401"]


def test_arriving_bodies_are_limited_in_all(build: Callable[..., ApiServer]) -> None:
    api_server = build(ConnectionLimits(arriving_bytes=200_000))
    key = f"X-API-Key: {api_server.key}"
    with ExitStack() as stack:
        slow = [stack.enter_context(api_server.connect("127.0.0.2")) for _ in range(3)]
        for connection in slow:
            connection.sendall(head("/api/sms/send", key, "Content-Length: 100000") + b"x" * 90_000)
        refused: list[bytes] = []

        def some_are_refused() -> bool:
            for connection in slow:
                connection.settimeout(0.05)
                try:
                    refused.append(read_until(connection, b"}}"))
                except TimeoutError:
                    continue
            return bool(refused)

        eventually(some_are_refused)
        assert envelope(refused[0], 503)["error"] == "queue_full"
        assert b"\r\nRetry-After: " in refused[0]


def test_bodies_in_work_are_limited_in_all() -> None:
    entered, go_on = threading.Semaphore(0), threading.Event()
    done: list[int] = []

    def application(environ: Any, start_response: Any) -> list[bytes]:
        entered.release()
        assert go_on.wait(DEADLINE_S)
        done.append(len(environ["wsgi.input"].read()))
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    size = 3 << 20
    server = Server(application, ApiSettings(listen="127.0.0.1:0", threads=8, max_body_bytes=4 << 20))
    address = server.bind()
    server.start()

    def sent(stack: ExitStack, body: int) -> socket.socket:
        client = stack.enter_context(socket.create_connection(address, timeout=DEADLINE_S))
        client.sendall(head("/x", f"Content-Length: {body}", "Connection: close") + bytes(body))
        return client

    with ExitStack() as stack:
        first_bodies = [sent(stack, size) for _ in range(2)]
        for _ in first_bodies:
            assert entered.acquire(timeout=DEADLINE_S)
        answer = read_all(sent(stack, size))  # 9 MiB would be more than 8
        assert envelope(answer, 503)["error"] == "queue_full"
        assert b"\r\nRetry-After: 5\r\n" in answer
        small = sent(stack, 1000)  # a small body is always accepted
        assert entered.acquire(timeout=DEADLINE_S)
        go_on.set()
        for client in (*first_bodies, small):
            assert read_all(client).endswith(b"ok")
        third_body = sent(stack, size)  # the budget is given back
        assert read_all(third_body).endswith(b"ok")
    assert sorted(done) == [1000, size, size, size]
    assert server.stop(DEADLINE_S)


def test_a_budget_is_exact() -> None:
    budget = BodyBudget(10)
    assert budget.take(7)
    assert not budget.take(4)
    assert budget.take(3)
    budget.give_back(7)
    assert budget.take(7)
