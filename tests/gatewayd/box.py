"""A simulated modem bank and a daemon in separate processes, and an HTTP client."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from tests.conftest import WAIT_S, Process, cli_json, eventually, free_port
from tests.service_manager import ServiceManager


class Box:
    """A bank, a daemon and a client. The constructor starts nothing."""

    def __init__(
        self,
        path: Path,
        *,
        slots: dict[int, int],
        daemon: str = "",
        dispatch: str = "",
        inbox: str = "",
        clock: str = "",
        webhooks: str = "",
    ) -> None:
        self.path = path
        self.slots = slots
        self.config = path / "gatewayd.toml"
        self.log = path / "network.log"
        self.port = free_port()
        self.api = f"http://127.0.0.1:{self.port}/api"
        ports = "".join(
            f'[[ports]]\nport = {port}\ndevice = "{path}/ports/port{port}"\nslots = {count}\n'
            for port, count in slots.items()
        )
        self.config.write_text(
            f'[api]\nlisten = "127.0.0.1:{self.port}"\nbulk_max = 1000\n[store]\npath = "{path}/gatewayd.db"\n'
            f"[daemon]\n{daemon}\n[dispatch]\n{dispatch}\n[inbox]\n{inbox}\n[clock]\n{clock}\n"
            f"[webhooks]\n{webhooks}\n{ports}"
        )
        self.manager: ServiceManager | None = None  # keeps descriptors while the daemon is away
        self.bank: Process | None = None
        self.gateway: Process | None = None
        self.headers: dict[str, str] = {}

    def start_bank(self, *options: str, module: str = "gatewayd.cli") -> None:
        """Start the simulated modems."""
        slots = [f"--slots-of={port}={count}" for port, count in self.slots.items()]
        bank_options = ("--ports", str(len(self.slots)), "--dir", self.path / "ports", "--log", self.log)
        self.bank = Process("simulate", "--json", *bank_options, *slots, *options, module=module)
        self.bank.line()

    def start_gateway(
        self,
        *options: str,
        module: str = "gatewayd.cli",
        environment: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> None:
        """Start the daemon, and `wait` until it answers."""
        run: tuple[str | Path, ...] = ("--config", self.config, "run", *options)
        self.gateway = Process(*run, module=module, environment=environment, manager=self.manager)
        if not wait:
            return
        eventually(self.answers)
        if not self.headers:
            company = self.cli("company", "add", "Test")["id"]
            self.headers = {"X-API-Key": self.cli("key", "add", "--company", company)["key"]}

    def start_quick_gateway(self, scale: float) -> None:
        """Start a daemon whose waits are multiplied by `scale`: for a bank whose time runs faster."""
        self.start_gateway("--scale", str(scale), module="tests.bench.quick_daemon")

    def stop_gateway(self) -> None:
        """Stop only the daemon, as a service manager does."""
        assert self.gateway is not None
        assert self.gateway.stop() == 0

    def stop(self) -> None:
        """Stop the daemon and the bank."""
        for process in (self.gateway, self.bank):
            if process is not None:
                process.stop()

    def cli(self, *arguments: str | int) -> Any:
        """The answer of a command with --json."""
        return cli_json(self.config, *arguments)

    def sims_ready(self, count: int) -> list[dict[str, Any]]:
        """Wait until `count` SIMs can send, and return them."""

        def ready() -> list[dict[str, Any]]:
            sims: list[dict[str, Any]] = self.get("sms/sims/available")["data"]["available_sims"]
            return sims if sum(sim["can_send_sms"] for sim in sims) == count else []

        found: list[dict[str, Any]] = eventually(ready)
        return found

    def send(self, text: str, **options: Any) -> str:
        """Send a message without waiting for the modem; its sms_id."""
        body = {"recipient": "+22370123456", "message": text, **options}
        headers = {**self.headers, "Prefer": "respond-async"}
        answer = requests.post(f"{self.api}/sms/send", json=body, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        sms_id: str = answer.json()["data"]["sms_id"]
        return sms_id

    def status(self, sms_id: str) -> dict[str, Any]:
        """The answer of the status endpoint for a message."""
        data: dict[str, Any] = self.get(f"sms/status/{sms_id}")["data"]
        return data

    def becomes(self, sms_id: str, status: str, timeout_s: float = WAIT_S) -> None:
        """Wait until a message has this status."""
        eventually(lambda: self.status(sms_id)["status"] == status, timeout_s)

    def get(self, path: str) -> dict[str, Any]:
        """The body of the answer to a GET request."""
        body: dict[str, Any] = requests.get(f"{self.api}/{path}", headers=self.headers, timeout=30).json()
        return body

    def order(self, **kind: str | int) -> dict[str, Any]:
        """Send a command to the simulated bank (see `modem.simulator.control`); its answer."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(60)
            control.connect(str(self.path / "ports" / "control"))
            control.sendall(json.dumps(kind).encode() + b"\n")
            answer: dict[str, Any] = json.loads(control.makefile().readline())
            assert answer["ok"], answer
            return answer

    def submission_seen(self) -> bool:
        """Whether a modem got a submission since the last call."""
        return any(kind == "asked" for kind, _, _ in self.order(do="moments")["moments"])

    def network(self, event: str) -> list[dict[str, Any]]:
        """The events of this kind that the simulated network recorded."""
        if not self.log.exists():
            return []
        written = self.log.read_text(encoding="utf-8")
        lines = written[: written.rfind("\n") + 1].splitlines()  # the last line may be incomplete
        return [found for line in lines if (found := json.loads(line))["event"] == event]

    def answers(self) -> bool:
        """Whether the daemon answers."""
        try:
            requests.get(f"{self.api}/health", timeout=30)
        except (requests.ConnectionError, requests.Timeout):
            return False
        return True
