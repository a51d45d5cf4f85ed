"""SIGTERM during work: the daemon ends in time, loses nothing, begins nothing and leaves no needless doubt."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import Process, eventually
from tests.gatewayd.box import Box
from tests.torture.cuts import built_shim

STOP_S = 0.5
BOUND_S = STOP_S + 1
NOT_STORED = "the outcome of the last message could not be stored"  # before the end: the part is in doubt
LOADED_S = 30.0  # additional time on a loaded machine


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Box]]:
    boxes: list[Box] = []

    def build(**choices: Any) -> Box:
        sections = {
            "slots": {1: 1},
            "daemon": f"stop_timeout_s = {STOP_S}",
            "dispatch": "in_doubt_wait_s = 300",
        }
        box = Box(tmp_path, **{**sections, **choices})
        boxes.append(box)
        return box

    yield build
    for box in boxes:
        box.stop()


def stop(box: Box) -> None:
    """Stop the daemon; check that it ends in time and without an error."""
    assert box.gateway is not None
    started_at = time.monotonic()
    assert box.gateway.stop(timeout_s=BOUND_S + LOADED_S) == 0
    print(f"stopped in {time.monotonic() - started_at:.2f} s")  # noqa: T201 - shown with -s
    errors = [line for line in box.gateway.stderr if " ERROR " in line or line.startswith("Traceback")]
    assert not [line for line in errors if NOT_STORED not in line]


def states(box: Box) -> Counter[str]:
    """The number of parts in each state, while no daemon runs."""
    with closing(sqlite3.connect(box.path / "gatewayd.db")) as db:
        return Counter(row[0] for row in db.execute("SELECT state FROM parts"))


class WaitingClients:
    """Clients that send and wait for the modem: once, or until the gateway has stopped."""

    def __init__(self, box: Box, threads: int, *, once: bool) -> None:
        self.box = box
        self.once = once
        self.accepted: list[str] = []
        self.answers: Counter[int] = Counter()
        self._threads = [
            threading.Thread(target=self._send, args=(number,), daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def _send(self, number: int) -> None:
        body = {"recipient": f"+2237012{number:04}", "message": "waiting"}
        headers = {**self.box.headers, "Prefer": "wait=30"}
        while True:
            try:
                answer = requests.post(f"{self.box.api}/sms/send", json=body, headers=headers, timeout=60)
            except requests.RequestException:
                return
            self.answers[answer.status_code] += 1
            if answer.status_code == 200:
                self.accepted.append(answer.json()["data"]["sms_id"])
                if self.once:
                    return

    def end(self) -> None:
        """Wait until the last client has ended."""
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()


def test_under_load_with_a_full_queue_and_requests_that_wait_for_the_modem(build: Callable[..., Box]) -> None:
    box = build(slots={1: 1, 2: 1}, dispatch="in_doubt_wait_s = 300\nmax_pending = 12")
    box.start_bank("--submit-s", "60")
    box.start_gateway()
    box.sims_ready(2)
    clients = WaitingClients(box, 12, once=True)
    eventually(lambda: all(port["busy"] for port in box.cli("status")["ports"]))
    eventually(lambda: box.cli("status")["messages"]["pending"] == 12)
    drafts = [{"recipient": "+22370123456", "message": "too much"}] * 3
    refused = requests.post(
        f"{box.api}/sms/send-bulk", json={"messages": drafts}, headers=box.headers, timeout=30
    )
    assert (refused.status_code, refused.json()["error"]) == (503, "queue_full")
    assert int(refused.headers["Retry-After"]) > 0
    stop(box)
    clients.end()
    assert clients.answers == {200: 12}, "every waiting client got the answer that its message is stored"
    assert states(box) == {"submitting": 2, "queued": 10}
    box.start_gateway()
    in_doubt = Counter(box.status(sms_id)["in_doubt"] for sms_id in clients.accepted)
    assert in_doubt == {True: 2, False: 10}


def test_while_the_network_is_asked_by_ussd(build: Callable[..., Box]) -> None:
    box = build()
    box.start_bank("--time-scale", "20")  # an answer takes half a minute
    box.start_gateway()
    box.sims_ready(1)
    answers: list[int] = []

    def ask() -> None:
        body = {"port": 1, "code": "*123#"}
        answers.append(requests.post(f"{box.api}/sms/ussd", json=body, headers=admin, timeout=60).status_code)

    admin = {"X-API-Key": box.cli("key", "add", "--company", 1, "--admin")["key"]}
    watch = Process("--config", box.config, "watch", "1")
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    while "AT+CUSD=1," not in watch.line():
        pass
    box.send("waiting")
    stop(box)
    thread.join(60)
    assert not thread.is_alive()
    assert watch.wait() == 1, "the watch ends because the port was stopped"
    assert states(box) == {"queued": 1}


def test_with_a_modem_that_hangs(build: Callable[..., Box]) -> None:
    box = build()
    box.start_bank("--submit-s", "60")
    box.start_gateway()
    box.sims_ready(1)
    box.send("to a modem that does not answer")
    eventually(box.submission_seen)
    assert box.bank is not None
    os.kill(box.bank.pid, signal.SIGSTOP)
    try:
        stop(box)
    finally:
        os.kill(box.bank.pid, signal.SIGCONT)
    # The part may be known to be unsent where the modem did not take the PDU.
    assert states(box) in ({"submitting": 1}, {"in_doubt": 1}, {"queued": 1})


def test_with_a_disk_that_is_slow(build: Callable[..., Box], tmp_path: Path) -> None:
    box = build()
    slow = tmp_path / "slow"
    shim = {
        "LD_PRELOAD": str(built_shim(tmp_path)),
        "SHIM_STORE": str(box.path / "gatewayd.db"),
        "SHIM_SLOW": str(slow),
    }
    box.start_bank("--submit-s", "0.05", "--delivery-s", "0.05")
    box.start_gateway(environment=shim)
    box.sims_ready(1)
    slow.touch()
    clients = WaitingClients(box, 5, once=False)
    eventually(lambda: len(clients.accepted) >= 2)
    stop(box)
    clients.end()
    slow.unlink()
    with closing(sqlite3.connect(box.path / "gatewayd.db")) as db:
        stored = {row[0] for row in db.execute("SELECT sms_id FROM messages")}
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert set(clients.accepted) <= stored
