"""The way around Flask: what takes it, and that nobody can tell by the answer who did."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from api.access.ip_access import IpAccess
from api.express import Express
from api.responses.response import Reply
from config.settings import ApiSettings
from gatewayd.store.engine.histogram import Durations
from tests.api.api_server import Stand
from tests.api.server.test_http_server import read_all

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ORDINARY, THROUGH_FLASK = "gateway.example:8000", "[::1]"
MESSAGE = {"recipient": "+22370123456", "message": "héllo"}
# What differs from one answer to the next for the same request.
OWN = re.compile(r'Date: [^\r]+|"sms_id": "[0-9a-f-]+"|"task_id": "[0-9]+"')


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    stand = Stand(tmp_path, wrong_keys_per_minute=3)
    yield stand
    stand.close()


def ask(stand: Stand, host: str, body: bytes, *headers: str) -> str:
    """The whole answer to a send, without what differs each time; its header fields in the order they came."""
    lines = ["POST /api/sms/send HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
    with stand.connect() as client:
        client.sendall(head.encode() + body)
        return OWN.sub("", read_all(client).decode())


def test_the_answer_is_the_same_with_flask_and_without(stand: Stand) -> None:
    key, good = f"X-API-Key: {stand.key}", json.dumps(MESSAGE).encode()
    requests: dict[str, tuple[bytes, list[str]]] = {
        "taken": (good, [key, "Prefer: respond-async"]),
        "waited for": (good, [f"Authorization: Bearer {stand.key}", "Prefer: wait=1"]),
        "no key": (good, []),
        "no JSON": (b"{", [key]),
        "every fault": (b'{"recipient": 7, "message": ""}', [key, "Idempotency-Key: \xe9"]),
        "another priority": (json.dumps({**MESSAGE, "priority": "otp"}).encode(), [key, "Prefer: wait=0"]),
        "a SIM that is not there": (json.dumps({**MESSAGE, "sim_number_id": 99}).encode(), [key]),
        "wrong key": (good, ["X-API-Key: wrong"]),
    }
    for what, (body, headers) in requests.items():
        answers = [ask(stand, host, body, *headers) for host in (ORDINARY, THROUGH_FLASK)]
        assert answers[0] == answers[1], what
        assert "no-referrer" in answers[0]
    # The third wrong key is the last that may come within a minute, whichever way it comes.
    assert " 401 UNAUTHORIZED" in ask(stand, ORDINARY, good, "X-API-Key: wrong")
    for host in (ORDINARY, THROUGH_FLASK):
        assert " 429 TOO MANY REQUESTS" in ask(stand, host, good, "X-API-Key: wrong")


def test_an_idempotency_key_is_known_whichever_way_it_comes(stand: Stand) -> None:
    headers = (f"X-API-Key: {stand.key}", "Prefer: respond-async", "Idempotency-Key: once")
    body = json.dumps(MESSAGE).encode()
    first = ask(stand, ORDINARY, body, *headers)
    again = [ask(stand, host, body, *headers) for host in (THROUGH_FLASK, ORDINARY)]
    assert "Idempotent-Replayed" not in first
    assert again[0] == again[1]
    assert "Idempotent-Replayed: true" in again[0]
    assert stand.played.row("SELECT count(*) FROM messages")[0] == 1


def test_a_store_that_fails_is_told_the_same_way(stand: Stand) -> None:
    stand.played.gateway.authenticate(stand.key)
    stand.played.store.close()
    headers = (f"X-API-Key: {stand.key}", "Prefer: respond-async")
    answers = [ask(stand, host, json.dumps(MESSAGE).encode(), *headers) for host in (ORDINARY, THROUGH_FLASK)]
    assert answers[0] == answers[1]
    assert " 503 SERVICE UNAVAILABLE" in answers[0]
    assert "Retry-After: " in answers[0]
    stand.played.store.open()


def test_each_request_is_measured_once_whichever_way_it_goes(stand: Stand) -> None:
    for host in (ORDINARY, ORDINARY, THROUGH_FLASK):
        ask(stand, host, b"{}", f"X-API-Key: {stand.key}")
    line = 'gatewayd_http_request_seconds_count{code="400",endpoint="POST /api/sms/send"}'
    told = stand.get("/metrics").text
    assert f"{line} 3.0" in told.splitlines()


def around(environ: WSGIEnvironment, fails: Exception | None = None) -> str:
    """Who answers a request, and with what status."""

    def view(_: WSGIEnvironment, read: object) -> Reply:
        if fails is not None:
            raise fails
        return Reply(200, "{}")

    def others(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 others", [])
        return []

    settings = ApiSettings(allowed_networks=("192.0.2.0/24",))  # type: ignore[arg-type]
    express = Express("/api/sms/send", view, IpAccess(settings), Durations([1.0]), 100, others)
    return run_wsgi_app(express, environ)[1]


def environ(path: str = "/api/sms/send", method: str = "POST", body: bytes = b"{}") -> WSGIEnvironment:
    made = EnvironBuilder(path, method=method, data=body, base_url="http://gateway").get_environ()
    return {**made, "REMOTE_ADDR": "192.0.2.7"}


def test_what_is_out_of_the_ordinary_goes_to_the_others() -> None:
    assert around(environ()) == "200 OK"
    for odd in (
        environ("/api/sms/send/"),
        environ("/api/sms/quota"),
        environ(method="GET"),
        environ(method="OPTIONS"),
        environ(body=b"x" * 101),
        {**environ(), "HTTP_HOST": "a..b"},
        {**environ(), "HTTP_HOST": "a" * 64},
        {**environ(), "HTTP_HOST": "\xe9"},
        {**environ(), "HTTP_HOST": ""},
        {**environ(), "HTTP_UPGRADE": "websocket"},
        {**environ(), "CONTENT_LENGTH": ""},
        {**environ(), "CONTENT_LENGTH": "\xb2"},  # a digit for Unicode
    ):
        assert around(odd) == "200 others", odd


def test_who_may_not_ask_is_refused_and_what_nobody_expected_is_answered() -> None:
    assert around({**environ(), "REMOTE_ADDR": "198.51.100.1"}) == "403 FORBIDDEN"
    assert around(environ(), OSError("unheard of")) == "500 INTERNAL SERVER ERROR"
