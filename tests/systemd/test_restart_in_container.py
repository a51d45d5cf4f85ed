"""The installed service under a real systemd: restarted and killed under load, it loses and doubles no message.

Debian 12 in `build/container` (made once by debootstrap) is booted by systemd-nspawn, which needs root. It shares the
network of this machine.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import eventually, free_port
from tests.torture.client import Clients

ROOT = Path(__file__).parents[2]
TREE = ROOT / "build" / "container"
PACKAGES = "python3,python3-venv,systemd,systemd-sysv,dbus,make,procps,udev"
PORTS, RESTARTS, KILLS = 8, 10, 10
MODEMS = "/var/lib/modems"  # seen from outside, unlike /run

pytestmark = [
    pytest.mark.bench,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("systemd-nspawn") or not shutil.which("debootstrap"),
        reason="needs root, systemd-nspawn and debootstrap",
    ),
]


class Container:
    """A booted Debian. `run` runs a command in it."""

    def __init__(self) -> None:
        if not (TREE / "lib").exists():
            subprocess.run(
                ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", TREE], check=True
            )
        # It has no system bus to register with, where this machine was not booted by systemd itself.
        command = [
            "systemd-nspawn",
            "-D",
            str(TREE),
            "--register=no",
            "--keep-unit",
            "--boot",
            "--link-journal=no",
        ]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
        )
        try:
            self._init = eventually(self._find_init, 30)
            eventually(
                lambda: (
                    self.run("systemctl is-system-running", check=False).strip() in ("running", "degraded")
                ),
                60,
            )
        except BaseException:
            self._kill()
            raise

    def run(self, script: str, *, check: bool = True) -> str:
        """The output of a shell script in the container."""
        command = [
            "nsenter",
            "-t",
            str(self._init),
            "-m",
            "-u",
            "-i",
            "-p",
            "-C",
            "--",
            "/bin/sh",
            "-c",
            script,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done.stdout

    def close(self) -> None:
        self.run("systemctl poweroff", check=False)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._kill()

    def _kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _find_init(self) -> int | None:
        """The process that is number 1 in the container, a child of systemd-nspawn."""
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                fields = dict(
                    line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line
                )
            except (FileNotFoundError, ProcessLookupError):
                continue
            if fields["PPid"] == str(self._process.pid) and fields["NSpid"].split()[1:] == ["1"]:
                return int(status.parent.name)
        return None


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
    wheels = tmp_path / "wheels"
    subprocess.run(
        ["systemd/install.sh", "wheels", wheels],
        cwd=ROOT,
        env=os.environ | {"PYTHON": "/usr/bin/python3"},
        check=True,
    )
    shutil.rmtree(TREE / "root", ignore_errors=True)
    shutil.copytree(wheels, TREE / "root" / "wheels")
    source = TREE / "root" / "gatewayd"
    source.mkdir()
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", source], input=archive, check=True)
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
