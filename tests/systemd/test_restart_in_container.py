"""The installed service under a real systemd: restarted and killed under load, it loses and doubles no message.

See `container.py` for the Debian in which it runs.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import eventually, free_port
from tests.systemd.container import MARKS, TREE, Container, put_sources
from tests.torture.client import Clients

PORTS, RESTARTS, KILLS = 8, 10, 10
MODEMS = "/var/lib/modems"  # seen from outside, unlike /run

pytestmark = MARKS


@pytest.fixture
def container() -> Iterator[Container]:
    container = Container()
    try:
        yield container
    finally:
        container.close()


def test_restarts_and_kills_under_systemd_lose_and_double_nothing(
    container: Container, tmp_path: Path
) -> None:
    port = free_port()
    install(container, tmp_path, port)
    api, headers = f"http://127.0.0.1:{port}/api", {"X-API-Key": new_key(container)}
    clients = Clients(api, headers, seed=1, pause_s=0.6)
    clients.start()
    for number in range(RESTARTS + KILLS):
        container.run(
            "systemctl restart gatewayd"
            if number < RESTARTS
            else "systemctl kill --kill-who=main -s KILL gatewayd"
        )
        eventually(lambda: answers(api), 60)
        eventually(accepted_more_than(clients, len(clients.accepted) + 20), 60)
    clients.stop()
    eventually(lambda: is_done(container), 240)
    submitted = Counter(
        (event["recipient"], event["part"]) for event in events() if event["event"] == "submitted"
    )
    command = {(message.recipient, part + 1) for message in clients.accepted for part in range(message.parts)}
    assert command - submitted.keys() == set()
    assert [part for part, count in submitted.items() if count > 1] == []
    assert clients.unexpected == []


def install(container: Container, tmp_path: Path, port: int) -> None:
    """Install the service from this tree, with simulated modems as its ports."""
    put_sources(tmp_path)
    container.run(
        "cd /root/gatewayd && (make uninstall PURGE=1 >/dev/null 2>&1 || true) &&"
        f" make install LISTEN=127.0.0.1:{port} PLAN=guide WHEELS=/root/wheels"
    )
    shutil.rmtree(TREE / MODEMS[1:], ignore_errors=True)
    container.run(
        f"mkdir -p {MODEMS} && systemd-run --unit=modems /opt/gatewayd/current/bin/python -I -m gatewayd.cli simulate"
        f" --ports {PORTS} --dir {MODEMS} --log {MODEMS}/log --submit-s 0.8 --submit-jitter 0.4 --delivery-s 0.5"
    )
    eventually((TREE / MODEMS[1:] / f"port{PORTS}").is_symlink, 30)
    sections = "".join(
        f'[[ports]]\nport = {number}\ndevice = "{MODEMS}/port{number}"\n' for number in range(1, PORTS + 1)
    )
    with (TREE / "etc/gatewayd/gatewayd.toml").open("a") as file:
        file.write(sections)
    container.run("systemctl restart gatewayd")


def new_key(container: Container) -> str:
    container.run("gatewayd company add Test")
    key: str = json.loads(container.run("gatewayd key add --company 1 --json"))["key"]
    return key


def answers(api: str) -> bool:
    try:
        return requests.get(f"{api}/health", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def accepted_more_than(clients: Clients, count: int) -> Callable[[], bool]:
    return lambda: len(clients.accepted) > count


def is_done(container: Container) -> bool:
    """Whether no message waits any more."""
    status: dict[str, Any] = json.loads(container.run("gatewayd status --json"))
    return not status["messages"]["pending"] and not status["parts_waiting"]


def events() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (TREE / MODEMS[1:] / "log").read_text().splitlines()]
