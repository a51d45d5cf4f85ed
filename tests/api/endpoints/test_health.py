"""GET /health: 200 while messages are accepted, else 503 with the reason. It needs no key and shows no secrets."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.driver.ussd import Reply, Session, UssdAnswer
from modem.port.status import PortState, PortStatus, SlotStatus
from tests.api.api_server import ApiServer
from tests.conftest import eventually
from tests.gatewayd.played_ports import RECIPIENT, PlayedPort


@pytest.fixture
def api_server(tmp_path: Path) -> Iterator[ApiServer]:
    api_server = ApiServer(tmp_path)
    yield api_server
    api_server.close()


def health(api_server: ApiServer) -> tuple[int, dict[str, Any]]:
    response = api_server.get("/api/health")
    content = response.json()
    assert content["success"] is (response.status_code == 200)
    if response.status_code != 200:
        assert content["error"] == "storage_unavailable"
        assert int(response.headers["Retry-After"]) > 0
    return response.status_code, content["data"]


def check_statuses(data: dict[str, Any]) -> dict[str, str]:
    return {name: check["status"] for name, check in data["checks"].items()}


def test_a_healthy_box_passes_every_check(api_server: ApiServer) -> None:
    status, data = health(api_server)
    assert status == 200
    assert (data["status"], data["live"], data["ready"]) == ("ok", True, True)
    expected = ("store", "queue", "disk", "ports", "sims", "balances", "clock")
    assert check_statuses(data) == dict.fromkeys(expected, "pass")


def test_a_port_that_is_down_is_a_warning_while_another_works(api_server: ApiServer) -> None:
    api_server.played.set_status(PortStatus(2, "/dev/tty2", PortState.ABSENT, "", (SlotStatus(1),), 1))
    status, data = health(api_server)
    assert (status, data["status"]) == (200, "warn")
    assert data["checks"]["ports"] == {"status": "warn", "output": "1 of 2 ports are up"}


def test_a_sim_without_network_still_accepts_messages(api_server: ApiServer) -> None:
    api_server.played.up(1, "8922301000000000001", registration=Registration.SEARCHING)
    status, data = health(api_server)
    assert (status, data["status"], check_statuses(data)["sims"]) == (200, "warn", "fail")


def test_without_a_usable_sim_it_is_503_with_the_same_checks(api_server: ApiServer) -> None:
    up = api_server.played.statuses[1]
    api_server.played.set_status(replace(up, slots=(replace(up.active, sim=SimState.PUK_REQUIRED),)))
    status, data = health(api_server)
    assert (status, data["status"], data["ready"]) == (503, "fail", False)
    assert check_statuses(data)["sims"] == "fail"
    assert "0 of 1 SIMs" in api_server.get("/api/health").json()["message"]


def test_a_message_that_waits_for_long_is_a_warning(api_server: ApiServer) -> None:
    api_server.played.send("a secret text")
    assert health(api_server)[1]["status"] == "ok"
    api_server.played.clock.at += 3600 * 1_000_000
    status, data = health(api_server)
    assert (status, check_statuses(data)["queue"]) == (200, "warn")
    assert data["checks"]["queue"]["output"] == "A message has waited for 60 minutes"
    api_server.played.clock.at -= 7200 * 1_000_000  # clock set back: no negative age
    assert check_statuses(health(api_server)[1])["queue"] == "pass"
    response = api_server.get("/api/health").text
    for secret in (RECIPIENT.removeprefix("+"), "secret", "8922301", "2237000"):
        assert secret not in response


QUICK_S = 30.0
"""Two seconds for the store to answer, and a margin for a busy machine."""


def timed_health(api_server: ApiServer) -> tuple[int, dict[str, Any]]:
    started_at = time.monotonic()
    response = health(api_server)
    assert time.monotonic() - started_at < QUICK_S
    return response


@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_a_lock_of_another_process_is_reported_at_once_and_so_is_its_end(
    api_server: ApiServer, lock: str
) -> None:
    assert health(api_server)[0] == 200
    program = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None);"
        f" db.execute({lock!r}); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, api_server.played.store.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as foreign:
        assert foreign.stdout
        assert foreign.stdin
        assert foreign.stdout.readline() == "held\n"
        for _ in range(2):
            status, data = timed_health(api_server)
            assert (status, data["ready"], check_statuses(data)["store"]) == (503, False, "fail")
            assert "another program locks it or has removed it" in data["checks"]["store"]["output"]
        foreign.stdin.close()
        assert foreign.wait(60) == 0
    eventually(lambda: health(api_server)[0] == 200)


def test_a_stuck_writer_is_reported_at_once(api_server: ApiServer) -> None:
    started, go_on = threading.Event(), threading.Event()

    def hang(_: object) -> None:
        started.set()
        assert go_on.wait(30)

    writing = threading.Thread(target=lambda: api_server.played.store.write(hang))
    writing.start()
    assert started.wait(60)
    assert timed_health(api_server)[0] == 503
    started_at = time.monotonic()
    for _ in range(20):  # only the first request waits; if each did, they would take longer than QUICK_S
        assert timed_health(api_server)[0] == 503
    assert time.monotonic() - started_at < QUICK_S
    go_on.set()
    writing.join()
    assert eventually(lambda: health(api_server)[0] == 200)


def test_a_removed_database_accepts_nothing(api_server: ApiServer) -> None:
    path = api_server.played.store.path
    path.rename(path.with_name("elsewhere"))
    assert timed_health(api_server)[0] == 503
    path.with_name("elsewhere").rename(path)
    assert timed_health(api_server)[0] == 200


ANSWER = UssdAnswer(1, 1, "8922301000000000001", (Reply(Session.DONE, "1250 FCFA"),), 0)


class Silent(PlayedPort):
    """A port that accepts every code and never answers."""

    def __init__(self) -> None:
        super().__init__()
        self.futures: list[Future[UssdAnswer]] = []

    def ussd(self, code: str, replies: Sequence[str] = (), slot: int | None = None) -> Future[UssdAnswer]:
        self.futures.append(Future())
        self.futures[-1].set_running_or_notify_cancel()
        return self.futures[-1]


def test_many_ussd_requests_at_once_use_up_neither_the_server_nor_health(tmp_path: Path) -> None:
    api_server = ApiServer(tmp_path, threads=8)
    port = Silent()
    api_server.played.ports[1] = port
    api_server.played.store.write(lambda db: db.execute("UPDATE api_keys SET admin = 1"))
    answers: list[requests.Response] = []
    body = {"port": 1, "code": "#123#"}

    def ask() -> None:
        headers = {"X-API-Key": api_server.key}
        answers.append(
            requests.post(f"{api_server.url}/api/sms/ussd", json=body, headers=headers, timeout=30)
        )

    threads = [threading.Thread(target=ask) for _ in range(32)]
    for thread in threads:
        thread.start()
    eventually(
        lambda: len(answers) == 30
    )  # a quarter of the threads waits; all other requests are refused at once
    for refused in answers:
        assert (refused.status_code, refused.json()["error"]) == (503, "queue_full")
        assert refused.headers["Retry-After"] == "5"
    assert timed_health(api_server)[0] == 200
    started_at = time.monotonic()
    assert api_server.get("/api/sms/quota", X_API_Key=api_server.key).status_code == 200
    refused = api_server.get("/api/sms/test-connection", X_API_Key=api_server.key)
    assert (refused.status_code, refused.json()["error"]) == (503, "queue_full")
    assert time.monotonic() - started_at < QUICK_S
    for future in port.futures:
        future.set_result(ANSWER)
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers[30:]] == [200, 200]
    waiting = threading.Thread(target=ask)  # waiting is possible again
    waiting.start()
    eventually(lambda: len(port.futures) == 3)
    port.futures[-1].set_result(ANSWER)
    waiting.join()
    assert answers[-1].status_code == 200
    api_server.close()


def test_health_is_answered_while_every_thread_is_busy(tmp_path: Path) -> None:
    api_server = ApiServer(tmp_path, threads=1)
    port = Silent()
    api_server.played.ports[1] = port
    api_server.played.store.write(lambda db: db.execute("UPDATE api_keys SET admin = 1"))
    body, headers = {"port": 1, "code": "#123#"}, {"X-API-Key": api_server.key}
    thread = threading.Thread(
        target=lambda: requests.post(f"{api_server.url}/api/sms/ussd", json=body, headers=headers, timeout=30)
    )
    thread.start()
    eventually(lambda: port.futures)
    assert timed_health(api_server)[0] == 200
    with api_server.connect() as client:  # a malformed request is answered too
        client.sendall(b"nonsense\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 400 ")
    port.futures[0].set_result(ANSWER)
    thread.join()
    api_server.close()
