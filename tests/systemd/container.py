"""A Debian 12 that is booted beside this machine, for tests of the installed service.

It lies in `build/container` (made once by debootstrap) and is booted by systemd-nspawn, which needs root. It shares the network of
this machine.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conftest import eventually

ROOT = Path(__file__).parents[2]
TREE = ROOT / "build" / "container"
PACKAGES = "python3,python3-venv,systemd,systemd-sysv,dbus,make,procps,udev"

MARKS = [
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


def put_sources(folder: Path) -> None:
    """Put the committed sources into /root/gatewayd of the container, and the wheels for its Python into /root/wheels."""
    wheels = folder / "wheels"
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
