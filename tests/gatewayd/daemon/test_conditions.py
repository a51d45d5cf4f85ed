"""The conditions of a port reach the operator in status, check, health and metrics, each with its remedy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from config.settings import load
from gatewayd.cli import main
from gatewayd.daemon.daemon import Daemon
from modem.port.conditions import REMEDIES, Condition
from modem.port.reporter import Reporter
from modem.simulator.bank import Bank, BankConfig
from tests.conftest import eventually
from tests.figures import Figures
from tests.modem.recording_work import FAST

# No periodic check of the modem ends a condition that a test sets.
RARE_CHECKS = replace(FAST, refresh_s=600, list_s=600)


@dataclass
class RunningDaemon:
    """A daemon in this process, on simulated modems."""

    config: Path
    daemon: Daemon
    url: str

    def cli(self, *arguments: str) -> str:
        done = CliRunner().invoke(main, ["--config", str(self.config), *arguments])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.output
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.cli(*arguments, "--json"))

    def health(self) -> Any:
        answer = requests.get(f"{self.url}/health", timeout=60)
        assert answer.status_code == 200
        return answer.json()["data"]

    def figure(self, port: int, condition: Condition) -> float:
        text = requests.get(self.url.removesuffix("/api") + "/metrics", timeout=60).text
        labels = {"port": str(port), "condition": condition.value}
        [value] = [
            value
            for name, sample_labels, value in Figures.read(text).samples
            if name == "gatewayd_port_condition" and sample_labels == labels
        ]
        return value

    def set(self, port: int, condition: Condition, *, present: bool = True) -> None:
        """Set or end a condition of a port, and keep the port from changing it at its next check of the modem."""

        def apply() -> bool:
            reporter = self.daemon.gateway.ports[port]._reporter  # type: ignore[attr-defined]  # noqa: SLF001 - only the port itself sets conditions
            assert isinstance(reporter, Reporter)
            reporter.set_condition(condition, present=present)
            return (condition in self.daemon.gateway.port_registry.ports()[port].conditions) is present

        eventually(apply)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningDaemon]:
    config = tmp_path / "gatewayd.toml"
    ports = "".join(f'[[ports]]\nport = {port}\ndevice = "{tmp_path}/bank/port{port}"\n' for port in (1, 2))
    config.write_text(
        f'[api]\nlisten = "127.0.0.1:0"\n[store]\npath = "{tmp_path}/gatewayd.db"\n[clock]\ntrust = "always"\n{ports}'
    )
    with Bank(BankConfig(tmp_path / "bank", ports=2, time_scale=0.05)):
        daemon = Daemon(load(config), RARE_CHECKS)
        running = RunningDaemon(config, daemon, daemon.start())
        try:
            eventually(lambda: _all_up(daemon))
            yield running
        finally:
            daemon.stop()


def _all_up(daemon: Daemon) -> bool:
    ports = daemon.gateway.port_registry.ports().values()
    return len(ports) == 2 and all(port.active.registration.carries_sms for port in ports)


def test_every_condition_has_a_remedy() -> None:
    assert set(REMEDIES) == set(Condition)
    assert all(remedy.endswith(".") for remedy in REMEDIES.values())


def test_a_condition_is_reported_everywhere_until_it_ends(running: RunningDaemon) -> None:
    full, unreadable = Condition.MEMORY_FULL, Condition.UNREADABLE_TEXTS
    assert running.health()["checks"]["ports"]["status"] == "pass"
    assert [port["conditions"] for port in running.json("status")["ports"]] == [[], []]
    assert running.figure(1, full) == 0
    running.set(1, full)
    running.set(2, full)
    running.set(2, unreadable)
    first, second = running.json("status")["ports"]
    assert first["conditions"] == [{"condition": "memory_full", "remedy": REMEDIES[full]}]
    assert [listed["condition"] for listed in second["conditions"]] == ["memory_full", "unreadable_texts"]
    output = " ".join(running.cli("status").split())
    assert f"Port 1: {REMEDIES[full]}" in output
    assert f"Port 2: {REMEDIES[unreadable]}" in output
    found = [
        (check["about"], check["text"])
        for check in running.json("check")["checks"]
        if check["grade"] == "warning" and check["about"].startswith("port")
    ]
    assert found == [
        ("port 1", REMEDIES[full]),
        ("port 2", REMEDIES[full]),
        ("port 2", REMEDIES[unreadable]),
    ]
    health = running.health()
    assert health["status"] == "warn"
    listed = health["checks"]["ports"]
    assert listed["status"] == "warn"
    assert listed["output"].startswith(f"2 of 2 ports are up. Ports 1, 2: {REMEDIES[full]} Port 2: ")
    assert (running.figure(1, full), running.figure(1, unreadable), running.figure(2, unreadable)) == (
        1,
        0,
        1,
    )
    running.set(1, full, present=False)
    running.set(2, full, present=False)
    running.set(2, unreadable, present=False)
    assert running.health()["checks"]["ports"]["status"] == "pass"
    assert [port["conditions"] for port in running.json("status")["ports"]] == [[], []]
    assert running.figure(2, unreadable) == 0
