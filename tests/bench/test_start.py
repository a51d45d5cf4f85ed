"""The CPU time of starting a command. On a Raspberry Pi 3 each second here is about ten seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gatewayd.box import Box

pytestmark = pytest.mark.bench

HELP_S = 0.15
STATUS_S = 0.25
RUNS = 5  # the fastest counts: other programs only add time


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path, slots={1: 1})
    box.start_bank("--submit-s", "0.05", "--delivery-s", "0.05", "--time-scale", "1")
    box.start_gateway()
    box.sims_ready(1)
    yield box
    box.stop()


def cpu_s(bytecode: Path, *arguments: str) -> float:
    """Run a command several times, with its bytecode cached; return the least user and system time, in seconds."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(bytecode)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-m", "gatewayd.cli", *arguments]
    times = []
    for _ in range(RUNS + 1):  # the first run writes the bytecode
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        times.append(usage.ru_utime + usage.ru_stime)
    return min(times[1:])


def test_help_starts_quickly(tmp_path: Path) -> None:
    assert cpu_s(tmp_path / "bytecode", "--help") < HELP_S


def test_a_command_that_asks_the_daemon_starts_quickly(box: Box, tmp_path: Path) -> None:
    assert cpu_s(tmp_path / "bytecode", "--config", str(box.config), "status") < STATUS_S
