"""gatewayd as a measured program."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import requests

from tests.bench.program import Program, recipient
from tests.conftest import cli_json, eventually, free_port

BULK = 1000
ROOT = Path(__file__).resolve().parents[2]


class Gatewayd(Program):
    """The daemon with its defaults, except `bulk_max` and `max_pending`."""

    name = "gatewayd"
    interface = "HTTP; synced before it is answered"
    submit_via = "direct"

    def __init__(self, folder: Path, devices: Sequence[Path], shim: dict[str, str] | None = None) -> None:
        super().__init__(folder, devices)
        self.port = free_port()
        self.api = f"http://127.0.0.1:{self.port}/api"
        self.config = folder / "gatewayd.toml"
        self.session = requests.Session()
        self._calls = HTTPConnection("127.0.0.1", self.port, timeout=60)
        self._environment = shim or {}

    def start(self) -> None:
        """Start the daemon, and wait until every SIM can send."""
        ports = "".join(
            f'[[ports]]\nport = {n}\ndevice = "{device}"\n' for n, device in enumerate(self.devices, 1)
        )
        self.config.write_text(
            f'[api]\nlisten = "127.0.0.1:{self.port}"\nbulk_max = {BULK}\n[store]\npath = "{self.folder}/gatewayd.db"\n'
            f'[dispatch]\nmax_pending = 2000000\nsubmit_via = "{self.submit_via}"\n[daemon]\nlog_level = "warning"\n{ports}'
        )
        self.run()
        company = cli_json(self.config, "company", "add", "Bench")["id"]
        self.session.headers["X-API-Key"] = cli_json(self.config, "key", "add", "--company", company)["key"]
        self.session.headers["Prefer"] = "respond-async"
        self.await_sims(len(self.devices))

    def await_sims(self, count: int) -> None:
        """Wait until `count` SIMs can send."""
        eventually(lambda: sum(sim["can_send_sms"] for sim in self.sims()) == count, 120)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.api}/health", timeout=5).status_code in (200, 503)
        except requests.ConnectionError:
            return False

    def run(self) -> None:
        """Start the process on the present store, and wait until it answers."""
        self._calls.close()
        environment = [f"{name}={value}" for name, value in self._environment.items()]
        os.environ["PYTHONPATH"] = str(ROOT)
        self.spawn("env", *environment, sys.executable, "-m", "gatewayd.cli", "--config", self.config, "run")
        eventually(self._answers)

    def fill(self, count: int, **options: Any) -> None:
        """Hand in messages by send-bulk."""
        for first in range(0, count, BULK):
            numbers = range(first, min(first + BULK, count))
            body = [{"recipient": recipient(n), "message": f"Message {n}"} for n in numbers]
            self.post("send-bulk", {"messages": body, **options})

    def send(self, number: int, **options: Any) -> None:
        """Hand in a message by send."""
        self.post("send", {"recipient": recipient(number), "message": f"Message {number}", **options})

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Make one request, which must succeed."""
        # Not with requests, which takes more time than the gateway.
        headers = {"Content-Type": "application/json", **{k: str(v) for k, v in self.session.headers.items()}}
        self._calls.request("POST", f"/api/sms/{path}", json.dumps(body), headers)
        answer = self._calls.getresponse()
        content: dict[str, Any] = json.loads(answer.read())
        assert answer.status == 200, content
        return content

    def sims(self) -> list[dict[str, Any]]:
        """The SIMs that the API lists; none while the API does not answer."""
        try:
            answer = self.session.get(f"{self.api}/sms/sims/available", timeout=10)
        except requests.ConnectionError:
            return []
        found: list[dict[str, Any]] = answer.json()["data"]["available_sims"]
        return found

    def stop(self) -> None:
        """Stop the daemon and the client."""
        super().stop()
        self.session.close()
        self._calls.close()

    def drained(self, timeout_s: float) -> None:
        """Wait until every message has its report, for at most `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            listed = self.session.get(f"{self.api}/sms/messages?status=pending&limit=1", timeout=10).json()
            sent = self.session.get(f"{self.api}/sms/messages?status=sent&limit=1", timeout=10).json()
            if not listed["data"] and not sent["data"]:
                return
            time.sleep(0.2)


class Stored(Gatewayd):
    """gatewayd that sends from the memories of the modems."""

    name = "gatewayd, storage"
    submit_via = "storage"
