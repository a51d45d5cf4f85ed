"""Attacks from a LAN: wrong keys, addresses outside the allow-list, and deliberately slow clients."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress

import pytest
import requests

from api.server.connection_limits import ConnectionLimits
from tests.api.api_server import DEADLINE_S, ApiServer
from tests.conftest import eventually


def test_wrong_keys_are_limited_and_a_right_one_always_passes(build: Callable[..., ApiServer]) -> None:
    api_server = build(wrong_keys_per_minute=3)
    for n in range(3):
        assert api_server.get("/api/sms/quota", X_API_Key=f"wrong{n}").json()["error"] == "invalid_api_key"
    refused = api_server.get("/api/sms/quota", X_API_Key="wrong")
    assert (refused.status_code, refused.json()["error"]) == (429, "too_many_requests")
    assert refused.json()["data"] == {}
    assert 1 <= int(refused.headers["Retry-After"]) <= 20
    assert api_server.get("/api/sms/quota", X_API_Key=api_server.key).status_code == 200
    assert (
        api_server.get("/api/sms/quota").json()["error"] == "missing_api_key"
    )  # a missing key is no wrong key
    assert api_server.get("/api/sms/quota", X_API_Key="wrong").status_code == 429
    with api_server.connect("127.0.0.2") as other:
        other.sendall(b"GET /api/sms/quota HTTP/1.0\r\nX-API-Key: wrong\r\n\r\n")
        assert b" 401 " in other.recv(1000)


def test_behind_a_trusted_proxy_each_client_has_its_own_count(build: Callable[..., ApiServer]) -> None:
    api_server = build(wrong_keys_per_minute=1, trusted_proxies=["127.0.0.1"])

    def ask(client: str, key: str = "wrong") -> int:
        return api_server.get("/api/sms/quota", X_API_Key=key, X_Forwarded_For=client).status_code

    assert [ask("198.51.100.1"), ask("198.51.100.2"), ask("198.51.100.1")] == [401, 401, 429]
    assert ask("192.0.2.7, 198.51.100.1") == 429  # a forged address does not help
    assert [ask("2001:db8::1"), ask("2001:db8::ffff:2"), ask("2001:db8:0:1::1")] == [401, 429, 401]
    assert [ask("nonsense"), ask("\xe9, ,")] == [401, 429]
    assert ask("198.51.100.1", api_server.key) == 200


def test_the_forwarded_address_of_an_untrusted_peer_is_ignored(build: Callable[..., ApiServer]) -> None:
    api_server = build(wrong_keys_per_minute=1)
    statuses = [
        api_server.get("/api/sms/quota", X_API_Key="wrong", X_Forwarded_For=f"198.51.100.{n}").status_code
        for n in range(3)
    ]
    assert statuses == [401, 429, 429]


def test_only_allowed_networks_and_loopback_have_access(build: Callable[..., ApiServer]) -> None:
    api_server = build(allowed_networks=["192.168.1.0/24", "fd00::/8"], trusted_proxies=["127.0.0.1"])

    def ask(client: str, path: str = "/api/sms/quota") -> requests.Response:
        return api_server.get(path, X_API_Key=api_server.key, X_Forwarded_For=client)

    for client in ("192.168.1.9", "fd12::1", "127.0.0.1", "::1", "::ffff:192.168.1.1"):
        assert ask(client).status_code == 200
    for client in ("192.168.2.9", "2001:db8::1", "nonsense", "192.168.1.9, 10.0.0.1"):
        refused = ask(client)
        assert (refused.status_code, refused.json()["error"]) == (403, "address_not_allowed")
        assert not refused.json()["success"]
    assert ask("10.0.0.1", "/api/health").status_code == 403
    assert ask("10.0.0.1", "/nowhere").json()["error"] == "address_not_allowed"
    assert api_server.get("/api/sms/quota", X_API_Key=api_server.key).status_code == 200


def test_a_bulk_of_the_longest_messages_as_escaped_emoji_is_accepted(build: Callable[..., ApiServer]) -> None:
    api_server = build()
    text = "😀" * 1600
    body = json.dumps({"messages": [{"recipient": "+22370123456", "message": text}] * 100}).encode()
    assert len(body) > 100 * 1600 * 12
    answer = requests.post(
        f"{api_server.url}/api/sms/send-bulk",
        body,
        headers={"X-API-Key": api_server.key},
        timeout=DEADLINE_S * 3,
    )
    assert answer.json()["summary"] == {"total": 100, "success": 100, "failed": 0}


def test_no_response_names_the_server_and_each_has_the_security_headers(
    build: Callable[..., ApiServer],
) -> None:
    api_server = build()
    with api_server.connect() as client:
        client.sendall(b"nonsense\r\n\r\n")
        broken = client.recv(65536).decode()
    for headers in (
        api_server.get("/api/health").headers,
        api_server.get("/nowhere").headers,
        dict(line.split(": ", 1) for line in broken.split("\r\n\r\n")[0].split("\r\n")[1:]),
    ):
        assert "Server" not in headers
        assert "Via" not in headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["Referrer-Policy"] == "no-referrer"


SLOW = b"POST /api/sms/send HTTP/1.1\r\nHost: x\r\nX: "


def answered(api_server: ApiServer) -> bool:
    try:
        return api_server.get("/api/health").ok
    except requests.ConnectionError:
        return False


def ask(client: socket.socket) -> None:
    client.sendall(b"GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n")
    received = b""
    while not received.endswith(b"}") and (chunk := client.recv(65536)):
        received += chunk
    assert received.startswith(b"HTTP/1.1 200 ")


def is_closed(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


@pytest.mark.parametrize(
    "beginning", [b"", SLOW, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\nx"]
)
@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.2"])
def test_more_slow_connections_than_the_limit_lock_no_client_out(
    build: Callable[..., ApiServer], source: str, beginning: bytes
) -> None:
    api_server = build(ConnectionLimits(connections=30))
    with ExitStack() as connections, api_server.connect() as honest:
        ask(honest)
        for n in range(90):
            slow = connections.enter_context(api_server.connect(source))
            slow.sendall(beginning)
            if n % 10 == 0:
                assert answered(api_server)
        if source != "127.0.0.1":  # a client with one connection keeps it while another has many
            ask(honest)


def test_a_request_that_arrives_too_slowly_is_dropped(build: Callable[..., ApiServer]) -> None:
    api_server = build(ConnectionLimits(arrival_s=0.3))
    with api_server.connect() as slow, api_server.connect() as idle:
        slow.sendall(SLOW)

        def drip() -> bool:
            try:
                slow.sendall(b"x")
            except OSError:
                return True
            return is_closed(slow)

        eventually(drip)
        assert not is_closed(idle)


def test_an_idle_connection_is_closed(build: Callable[..., ApiServer]) -> None:
    api_server = build(ConnectionLimits(idle_s=0.3, arrival_s=0.2))
    with api_server.connect() as idle:
        eventually(lambda: is_closed(idle))


def test_arriving_bytes_are_limited_in_all_and_an_honest_client_is_served(
    build: Callable[..., ApiServer],
) -> None:
    api_server = build(ConnectionLimits(arriving_bytes=200_000))
    head = f"POST /api/sms/send HTTP/1.1\r\nHost: x\r\nX-API-Key: {api_server.key}\r\nContent-Length: 100000\r\n\r\n".encode()
    with ExitStack() as connections:
        slow = [connections.enter_context(api_server.connect("127.0.0.2")) for _ in range(6)]
        for each in slow:
            with suppress(ConnectionError):  # it was closed already
                each.sendall(head + b"x" * 90_000)
        eventually(lambda: sum(map(is_closed, slow)) == 4)
        assert answered(api_server)
