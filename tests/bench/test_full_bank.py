"""How busy a full queue keeps the modems: parts taken by the network in 30 s, against what the modems could do."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
import requests

from tests.conftest import Process, eventually

PORTS = 16
SUBMIT_S = 1.0
RUN_S = 30.0
QUEUED = 1000


def taken_by(log: Path) -> list[float]:
    """When the network took each part: seconds since the epoch."""
    events = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return [event["at"] for event in events if event["event"] == "submitted"]


def cpu_s(pid: int) -> float:
    """The CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.bench
def test_sixteen_ports_with_a_full_queue(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "network.log"
    bank = Process(
        *("simulate", "--json", "--ports", str(PORTS), "--dir", tmp_path / "ports", "--log", log),
        *("--submit-s", str(SUBMIT_S), "--delivery-s", "1"),
    )
    devices = [port["device"] for port in json.loads(bank.line())["ports"]]
    config = tmp_path / "gatewayd.toml"
    ports = "".join(f'[[ports]]\nport = {n}\ndevice = "{device}"\n' for n, device in enumerate(devices, 1))
    config.write_text(
        f'[api]\nlisten = "127.0.0.1:18911"\nbulk_max = {QUEUED}\n[store]\npath = "{tmp_path}/gatewayd.db"\n'
        f'[daemon]\nlog_level = "warning"\n{ports}'
    )
    gateway = Process("--config", config, "run")

    def ask(*arguments: str) -> dict[str, object]:
        made = Process("--config", config, *arguments, "--json")
        answer: dict[str, object] = json.loads(made.line())
        made.wait()
        return answer

    eventually((tmp_path / "gatewayd.sock").exists, 30)
    ask("company", "add", "Bench")
    key = str(ask("key", "add", "--company", "1")["key"])
    api = "http://127.0.0.1:18911/api"
    headers = {"X-API-Key": key}

    def ready() -> bool:
        sims = requests.get(f"{api}/sms/sims/available", headers=headers, timeout=10).json()["data"]
        return [sim["can_send_sms"] for sim in sims["available_sims"]] == [True] * PORTS

    eventually(ready, 60)
    messages = [{"recipient": f"+2237{n:07d}", "message": f"Message {n}"} for n in range(QUEUED)]
    cpu_before = cpu_s(gateway.pid), cpu_s(bank.pid)
    start = time.time()
    answer = requests.post(f"{api}/sms/send-bulk", json={"messages": messages}, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    eventually(lambda: time.time() >= start + RUN_S, RUN_S + 10)
    taken = [at for at in taken_by(log) if start <= at <= start + RUN_S]
    cpu = cpu_s(gateway.pid) - cpu_before[0], cpu_s(bank.pid) - cpu_before[1]
    gateway.stop()
    bank.stop()
    rate = len(taken) / RUN_S
    share = len(taken) / (PORTS * int(RUN_S / SUBMIT_S))
    with capsys.disabled():
        print(  # noqa: T201 - the figure is what a benchmark is for
            f"\n{PORTS} ports, {SUBMIT_S} s a submission, {RUN_S:.0f} s: {rate:.2f} messages/s, "
            f"{100 * share:.1f} % of what the modems could do; "
            f"CPU a message: gatewayd {1000 * cpu[0] / len(taken):.2f} ms, simulated bank {1000 * cpu[1] / len(taken):.2f} ms"
        )
    assert rate >= 15
