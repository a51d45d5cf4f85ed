"""GET /metrics: access, content, and no side effects."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

import pytest

from api.endpoints.metrics import COUNTERS
from gatewayd.operations import metrics_snapshot
from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables.event_counts import EVENTS
from modem.parts import Submitted
from tests.api.api_server import ApiServer
from tests.figures import Figures
from tests.gatewayd.played_ports import RECIPIENT


def test_only_loopback_and_the_configured_networks_read_metrics(build: Callable[..., ApiServer]) -> None:
    api_server = build(trusted_proxies=["127.0.0.1"], metrics_networks=["192.168.7.0/24"])
    assert api_server.get("/metrics").status_code == 200
    assert api_server.get("/metrics", X_Forwarded_For="192.168.7.1").status_code == 200
    for client in ("192.168.8.1", "nonsense", "192.168.7.1, 192.168.8.1"):
        refused = api_server.get("/metrics", X_Forwarded_For=client)
        assert (refused.status_code, refused.json()["error"]) == (403, "address_not_allowed")
    with_key = api_server.get("/metrics", X_Forwarded_For="192.168.8.1", X_API_Key=api_server.key)
    assert with_key.status_code == 403


@pytest.mark.parametrize("header", ["X_Forwarded_For", "X_Real_IP", "Forwarded", "Via"])
def test_an_untrusted_proxy_does_not_make_its_clients_loopback(
    build: Callable[..., ApiServer], header: str
) -> None:
    assert build().get("/metrics", **{header: "127.0.0.1"}).status_code == 403


def test_metrics_count_a_message_and_never_show_its_number_or_text(build: Callable[..., ApiServer]) -> None:
    api_server = build()
    played = api_server.played
    played.send("the secret text")
    before = Figures.read(api_server.get("/metrics").text)
    played.clock.at += 90_000_000
    waiting = Figures.read(api_server.get("/metrics").text)
    submission = played.claim(1)
    played.settle(1, submission, Submitted(7))
    text = api_server.get("/metrics").text
    after = Figures.read(text)
    labels = {"port": "1", "slot": "1", "sim": "1"}
    assert waiting.sum("gatewayd_parts_waiting", **labels) == 1
    assert waiting.sum("gatewayd_oldest_waiting_seconds", **labels) == 90
    assert before.sum("gatewayd_parts_sent_total", **labels) == 0
    assert after.sum("gatewayd_parts_sent_total", **labels) == 1
    assert after.sum("gatewayd_messages_sent_total", **labels) == 1
    assert after.sum("gatewayd_submission_seconds_count", **labels) == 1
    assert after.sum("gatewayd_parts_waiting", **labels) == 0
    assert after.sum("gatewayd_oldest_waiting_seconds") == 0
    assert after.sum("gatewayd_commit_seconds_count") > before.sum("gatewayd_commit_seconds_count")
    assert after.sum("gatewayd_store_bytes") > 0
    for secret in (RECIPIENT.removeprefix("+"), "secret text", "89223010", "2237000", api_server.key):
        assert secret not in text


def test_requests_are_counted_by_route_and_code_and_never_by_an_unknown_path(
    build: Callable[..., ApiServer],
) -> None:
    api_server = build(allowed_networks=["10.0.0.0/8"], trusted_proxies=["127.0.0.1"])
    api_server.get("/api/sms/status/SMS0815", X_API_Key=api_server.key)
    api_server.get("/api/sms/status/SMS4711", X_API_Key=api_server.key)
    api_server.get("/made/up")
    api_server.get("/api/sms/quota", X_Forwarded_For="192.0.2.1")
    text = api_server.get("/metrics").text
    metrics = Figures.read(text)
    count = "gatewayd_http_request_seconds_count"
    assert metrics.sum(count, endpoint="GET /api/sms/status/<sms_id>", code="404") == 2
    assert metrics.sum(count, endpoint="other", code="404") == 1
    assert metrics.sum(count, endpoint="GET /api/sms/quota", code="403") == 1
    assert not re.search("made|0815", text)


def test_a_scrape_syncs_nothing_and_counts_no_commit(build: Callable[..., ApiServer]) -> None:
    api_server = build()
    expected = {
        Figures.read(api_server.get("/metrics").text).sum("gatewayd_commit_seconds_count") for _ in range(3)
    }
    assert len(expected) == 1


def test_while_the_store_is_stuck_the_last_counts_are_shown(
    build: Callable[..., ApiServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_snapshot, "COUNTS_TIMEOUT_S", 0.1)
    api_server = build()
    api_server.played.send()
    assert Figures.read(api_server.get("/metrics").text).sum("gatewayd_messages_accepted_total") == 1
    started, go_on = threading.Event(), threading.Event()

    def last(_: Connection) -> None:
        started.set()
        go_on.wait(60)

    stuck = threading.Thread(target=api_server.played.store.write, args=(last,))
    stuck.start()
    assert started.wait(60)
    metrics = Figures.read(api_server.get("/metrics").text)
    go_on.set()
    stuck.join()
    assert metrics.sum("gatewayd_messages_accepted_total") == 1
    assert metrics.sum("gatewayd_store_answers") == 0


def test_every_counted_event_has_a_metric() -> None:
    assert set(COUNTERS) == set(EVENTS)
