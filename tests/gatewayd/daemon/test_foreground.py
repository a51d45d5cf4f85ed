"""`gatewayd run` in the foreground: signals that end it, and streams that its caller closed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from tests.conftest import UNIGNORED, eventually, free_port


class Foreground:
    """A daemon without ports. The shell sets up its streams."""

    def __init__(self, path: Path, streams: str = "", before: str = "") -> None:
        self.port = free_port()
        config = path / "gatewayd.toml"
        config.write_text(f'[api]\nlisten = "127.0.0.1:{self.port}"\n[store]\npath = "{path}/gatewayd.db"\n')
        script = f'{before} exec "$0" -m gatewayd.cli --config "$1" run {streams}'
        self.log = path / "log"
        with self.log.open("w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [*UNIGNORED, "/bin/sh", "-c", script, sys.executable, str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        eventually(self.answers)

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            requests.get(f"http://127.0.0.1:{self.port}/api/health", timeout=60)
        except requests.ConnectionError:
            return False
        return True

    def end(self, with_signal: signal.Signals) -> int:
        self.process.send_signal(with_signal)
        return self.process.wait(60)


@pytest.mark.parametrize("ended_by", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_closed_terminal_ends_the_daemon_as_a_stop_does(tmp_path: Path, ended_by: signal.Signals) -> None:
    daemon = Foreground(tmp_path)
    assert daemon.end(ended_by) == 0
    assert "stopped" in daemon.log.read_text()


def test_a_daemon_that_ignores_hangups_keeps_running(tmp_path: Path) -> None:
    daemon = Foreground(tmp_path, before="trap '' HUP;")
    daemon.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        assert daemon.answers()
    assert daemon.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("streams", ["2>&-", "1>&-", "0<&-", "0<&- 1>&- 2>&-"])
def test_the_daemon_runs_without_standard_streams_and_no_file_gets_their_numbers(
    tmp_path: Path, streams: str
) -> None:
    daemon = Foreground(tmp_path, streams)
    for fd in (0, 1, 2):
        target = os.readlink(f"/proc/{daemon.process.pid}/fd/{fd}")
        assert target in ("/dev/null", str(daemon.log))
    assert daemon.end(signal.SIGTERM) == 0


def test_a_log_on_a_full_disk_does_not_end_the_daemon(tmp_path: Path) -> None:
    daemon = Foreground(tmp_path, "2>/dev/full")
    assert daemon.end(signal.SIGTERM) == 0
