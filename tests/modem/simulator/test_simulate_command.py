"""`gatewayd simulate` as a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import serial
from click.testing import CliRunner

from gatewayd.commands.simulate import simulate
from tests.conftest import eventually

PROGRAM = "from gatewayd.commands.simulate import simulate; simulate()"
WAIT_S = 60.0


FROZEN = """
import os
from gatewayd.daemon.signals import stop_asked, stop_signals_held
with stop_signals_held():
    print(os.getpid(), flush=True)
    print(stop_asked(0.5), flush=True)
    print(stop_asked(10), flush=True)
"""


def test_a_stopped_and_continued_process_keeps_running() -> None:
    with subprocess.Popen([sys.executable, "-c", FROZEN], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        status = Path(f"/proc/{process.stdout.readline().strip()}/stat")
        eventually(lambda: status.read_text().rsplit(")", 1)[1].split()[0] == "S")  # it waits
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.8)  # longer than its wait
        process.send_signal(signal.SIGCONT)
        assert process.stdout.readline() == "False\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "True\n"


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_command_runs_until_a_signal_stops_it(tmp_path: Path, stop: signal.Signals) -> None:
    folder = tmp_path / "a bank"
    command = [
        sys.executable,
        "-c",
        PROGRAM,
        "--ports",
        "2",
        "--slots-of",
        "2=2",
        "--dir",
        str(folder),
        "--json",
        "--fault",
        "urc-after@2",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert [(port["port"], len(port["slots"])) for port in said["ports"]] == [(1, 1), (2, 2)]
        assert said["ports"][1]["slots"][1]["number"] == "+22370000002"
        with serial.Serial(said["ports"][1]["device"], timeout=WAIT_S) as line:
            line.write(b"ATE0\r")
            assert line.read_until(b"OK\r\n").endswith(b"OK\r\n")
            assert line.read_until(b"\r\n") == b"\r\n"
            assert line.read_until(b"\r\n").strip()
        process.send_signal(stop)
        assert process.wait(WAIT_S) == 0
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "wrong",
    [
        ["--ports", "0"],
        ["--slots-of", "1"],
        ["--slots-of", "a=2"],
        ["--personality", "none"],
        ["--time-scale", "0"],
        ["--fault", "nothing"],
        ["--fault", "noise=2"],
        ["--fault", "noise@9"],
    ],
)
def test_a_usage_error(tmp_path: Path, wrong: list[str]) -> None:
    result = CliRunner().invoke(simulate, ["--dir", str(tmp_path), *wrong])
    assert result.exit_code == 2


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "port1").write_text("mine")
    result = CliRunner().invoke(simulate, ["--dir", str(tmp_path)])
    assert result.exit_code == 1
    assert "is there already" in result.output


def test_the_signal_mask_is_restored(tmp_path: Path) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    (tmp_path / "file").write_text("in the way")
    assert CliRunner().invoke(simulate, ["--dir", str(tmp_path / "file")]).exit_code != 0
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
