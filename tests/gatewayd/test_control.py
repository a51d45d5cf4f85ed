"""The control socket: one answer to a request, or many until the reader goes away."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from gatewayd.admin.context import AdminError
from gatewayd.control import ControlServer, NotRunningError, ask, follow, socket_path
from tests.conftest import eventually

LARGE = 1 << 20  # more than a socket holds


class Commands:
    """Commands that go on, and whether they were ended."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)

    def run(self, command: str, arguments: Mapping[str, object]) -> object:
        if command == "refuse":
            raise AdminError("no")
        return self._go_on(arguments) if command == "go on" else dict(arguments)

    def _go_on(self, arguments: Mapping[str, object]) -> Generator[list[object], None, None]:
        self.begun.release()
        try:
            yield ["x" * int(str(arguments["size"]))]
            while arguments["goes on"]:
                yield []
        finally:
            self.ended.release()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "gatewayd.db"


@pytest.fixture
def commands() -> Commands:
    return Commands()


@pytest.fixture
def server(store: Path, commands: Commands) -> Iterator[ControlServer]:
    server = ControlServer(store, commands.run)
    server.start()
    yield server
    server.stop(1)


@pytest.mark.usefixtures("server")
def test_a_command_is_answered_once(store: Path) -> None:
    assert ask(store, "echo", {"n": 1}, 5) == {"n": 1}
    with pytest.raises(AdminError, match="no"):
        ask(store, "refuse", {}, 5)


def test_without_a_daemon_it_says_so(store: Path) -> None:
    with pytest.raises(NotRunningError):
        next(follow(store, "go on", {}))


@pytest.mark.usefixtures("server")
def test_a_command_that_ends_by_itself_ends_for_its_reader(store: Path, commands: Commands) -> None:
    assert list(follow(store, "go on", {"size": 2, "goes on": False})) == [["xx"]]
    assert commands.ended.acquire(timeout=5)
    with pytest.raises(AdminError, match="no"):
        next(follow(store, "refuse", {}))


@pytest.mark.usefixtures("server")
def test_a_reader_that_goes_away_ends_its_command(store: Path, commands: Commands) -> None:
    with closing(follow(store, "go on", {"size": 1, "goes on": True})) as batches:
        assert next(batches) == ["x"]
    assert commands.ended.acquire(timeout=5)


@pytest.mark.parametrize("size", [1, LARGE])
def test_a_stop_ends_what_goes_on_though_nobody_reads_it(
    store: Path, commands: Commands, server: ControlServer, size: int
) -> None:
    with socket.socket(socket.AF_UNIX) as asleep:
        asleep.connect(str(socket_path(store)))
        request = {"command": "go on", "arguments": {"size": size, "goes on": True}}
        asleep.sendall(json.dumps(request).encode() + b"\n")
        assert commands.begun.acquire(timeout=5)
        server.stop(1)
        assert commands.ended.acquire(timeout=5)


@pytest.mark.usefixtures("server")
def test_a_daemon_that_stops_is_told_as_such(store: Path, server: ControlServer, commands: Commands) -> None:
    with closing(follow(store, "go on", {"size": 1, "goes on": True})) as batches:
        assert next(batches) == ["x"]
        server.stop(1)
        with pytest.raises(AdminError, match="the daemon stopped"):
            eventually(lambda: [batch for batch in batches if batch])
    assert commands.ended.acquire(timeout=5)
