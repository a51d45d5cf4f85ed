"""Fixtures and helpers of all tests, among them a running gateway on simulated modems in a process of its own."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import settings as hypothesis_settings

from config.settings import Settings, load
from gatewayd.cli import main
from tests import fork_server
from tests.service_manager import ServiceManager

# The tests read English, whatever the language of the developer is.
os.environ.pop("LC_ALL", None)
os.environ["LC_MESSAGES"] = "C"

# A loaded machine makes single examples slow; only the time limit of the suite counts.
hypothesis_settings.register_profile("gatewayd", deadline=None)
hypothesis_settings.load_profile("gatewayd")

# Only a failure reaches these deadlines, so they may be long: on a loaded machine a second's work takes many seconds.
WAIT_S = 60.0
START_TIMEOUT_S = 60.0

# Between two looks of `eventually`.
_SHORTEST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.05

# Restores the default action of these signals in a command. The suite ignores them under nohup(1) or in the background
# of a script, and a child inherits that.
UNIGNORED = ("env", "--default-signal=HUP,INT")


_reserved: list[int] = []  # descriptors; they are open as long as this process lives


# Files whose single tests take ten seconds or more.
_LONGEST = (
    "torture",
    "fleet/setup/test_demo",
    "test_descriptor_store",
    "test_wrong_clocks",
    "test_choice_of_country",
    "commands/test_record",
    "test_played_back",
    "test_collection",
    "test_storage_mode",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests: at the end, one process would still run them while all others have nothing to do."""
    items.sort(key=lambda item: not any(name in item.nodeid for name in _LONGEST))


def free_port() -> int:
    """A TCP port on which a program may listen, for IPv4 and IPv6, and which no other test is given.

    It stays bound: programs that set SO_REUSEADDR may listen on it, and the kernel gives it to nobody who asks for any port.
    """
    dual = socket.has_dualstack_ipv6()
    bound = socket.socket(socket.AF_INET6 if dual else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if dual:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    bound.bind(("", 0))
    port: int = bound.getsockname()[1]
    _reserved.append(bound.detach())
    return port


def eventually(condition: Callable[[], Any], timeout_s: float = WAIT_S) -> Any:
    """Wait until `condition` returns a true value, and return that. Fails the test at the deadline.

    The pauses grow with the wait: a condition may be a request, which costs two processes some milliseconds.
    """
    began = time.monotonic()
    while not (found := condition()):
        waited = time.monotonic() - began
        if waited > timeout_s:
            pytest.fail(f"not true within {timeout_s} s: {condition}")
        time.sleep(min(max(_SHORTEST_PAUSE_S, waited / 10), _LONGEST_PAUSE_S))
    return found


def cli_json(config: Path, *arguments: str | int) -> Any:
    """The output of `gatewayd … --json`; of a list: its rows, which stand under one name.

    The command runs in this process: starting a Python takes most of a second.
    """
    result = CliRunner().invoke(main, ["--config", str(config), *map(str, arguments), "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    [*values] = document.values()
    return values[0] if len(values) == 1 and isinstance(values[0], list) else document


class Process:
    """A `gatewayd` command as a child process."""

    def __init__(
        self,
        *arguments: str | Path,
        module: str = "gatewayd.cli",
        environment: Mapping[str, str] | None = None,
        manager: ServiceManager | None = None,
        forked_in: Path | None = None,
    ) -> None:
        """`manager`: starts the command as systemd would. With a manager or an environment it is a new interpreter, else a fork.

        `forked_in`: a fork in spite of an environment, in this folder; for commands that are started many times.
        """
        self._process: subprocess.Popen[str] | fork_server.Child
        command, fds = [module, *map(str, arguments)], list[int]()
        if manager is None and (forked_in or environment is None):
            self._process = fork_server.start(command, environment, forked_in)
        else:
            variables = environment or {}
            if manager is not None:
                manager_variables, fds = manager.environment_and_descriptors()
                variables = {**variables, **manager_variables}
                command = ["tests.service_manager", ",".join(map(str, fds)), *command]
            self._process = subprocess.Popen(
                [*UNIGNORED, sys.executable, "-m", *command],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, **variables},
                pass_fds=fds,
            )
        for fd in fds:
            os.close(fd)
        self.stderr: list[str] = []
        self._lines: queue.Queue[str] = queue.Queue()
        self._readers = [
            threading.Thread(target=self._read_out, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def line(self, timeout_s: float = START_TIMEOUT_S) -> str:
        """The next line of its standard output."""
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            line = ""
        if not line:
            self.kill()
            pytest.fail(f"gatewayd ended, or printed nothing within {timeout_s} s: {''.join(self.stderr)}")
        return line

    def rest(self) -> str:
        """The rest of its standard output, which `line` did not read. For a process that has ended."""
        lines: list[str] = []
        while line := self._lines.get_nowait():
            lines.append(line)
        return "".join(lines)

    def stop(self, with_signal: signal.Signals = signal.SIGTERM, timeout_s: float = WAIT_S) -> int:
        """Ask it to stop; its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(with_signal)
        return self.wait(timeout_s)

    def wait(self, timeout_s: float = WAIT_S) -> int:
        """Its exit code, once it has ended by itself."""
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._close()
        return code

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait()
        self._close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def _close(self) -> None:
        for reader in self._readers:
            reader.join()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _read_out(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        self.stderr.extend(self._process.stderr)


@dataclass(frozen=True)
class Running:
    """A running demo with its address, keys and folder."""

    process: Process
    url: str  # ends in /api
    key: str
    admin_key: str
    state: Path

    @property
    def settings(self) -> Settings:
        """Its configuration."""
        return load(self.state / "gatewayd.toml")

    def cli(self, *arguments: str | int) -> Any:
        """The output of `gatewayd … --json`."""
        return cli_json(self.state / "gatewayd.toml", *arguments)

    def cli_raw(self, *arguments: str | int) -> subprocess.CompletedProcess[str]:
        """A command on this gateway, as a child process without standard input."""
        command = ["--config", str(self.state / "gatewayd.toml"), *map(str, arguments)]
        process = Process(*command)
        code = process.wait()
        return subprocess.CompletedProcess(command, code, process.rest(), "".join(process.stderr))


def start_demo(state: Path, *options: str) -> Running:
    """Start `gatewayd demo` with fast simulated modems, and wait until it is ready."""
    process = Process(
        *("demo", "--json", "--listen", "127.0.0.1:0", "--state", state),
        *("--submit-s", "0.05", "--delivery-s", "0.05", *options),
    )
    document = json.loads(process.line())
    return Running(process, document["url"], document["key"], document["admin_key"], Path(document["state"]))


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One gateway that all tests share: 4 ports, the last with 2 slots."""
    demo = start_demo(tmp_path_factory.mktemp("running"))
    yield demo
    assert demo.process.stop() == 0, "".join(demo.process.stderr)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
