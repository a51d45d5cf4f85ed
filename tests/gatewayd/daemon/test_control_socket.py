"""The control socket: one answer to a request, or many until the reader disconnects."""

from __future__ import annotations

import json
import resource
import socket
import sqlite3
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from gatewayd.admin.commands import run
from gatewayd.admin.context import Context
from gatewayd.cli import main
from gatewayd.daemon.control_client import NotRunningError, ask, follow, socket_path
from gatewayd.daemon.control_socket import ControlServer
from gatewayd.errors import AdminError
from gatewayd.sims.numbering import Numbering
from gatewayd.timekeeping.clock import Calendar
from tests.conftest import eventually
from tests.gatewayd.played_ports import PlayedGateway

LARGE = 1 << 20  # more than a socket holds


class Commands:
    """Commands that run until they are ended."""

    def __init__(self) -> None:
        self.started = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)

    def run(self, command: str, arguments: Mapping[str, object]) -> object:
        if command == "refuse":
            raise AdminError("no")
        return self._go_on(arguments) if command == "go on" else dict(arguments)

    def _go_on(self, arguments: Mapping[str, object]) -> Generator[list[object], None, None]:
        self.started.release()
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


def test_without_a_daemon_there_is_a_clear_error(store: Path) -> None:
    with pytest.raises(NotRunningError):
        next(follow(store, "go on", {}))


@pytest.mark.usefixtures("server")
def test_the_stream_of_a_command_ends_with_the_command(store: Path, commands: Commands) -> None:
    assert list(follow(store, "go on", {"size": 2, "goes on": False})) == [["xx"]]
    assert commands.ended.acquire(timeout=60)
    with pytest.raises(AdminError, match="no"):
        next(follow(store, "refuse", {}))


@pytest.mark.usefixtures("server")
def test_a_reader_that_disconnects_ends_its_command(store: Path, commands: Commands) -> None:
    with closing(follow(store, "go on", {"size": 1, "goes on": True})) as batches:
        assert next(batches) == ["x"]
    assert commands.ended.acquire(timeout=60)


@pytest.mark.parametrize("size", [1, LARGE])
def test_a_stop_ends_a_command_that_no_reader_reads(
    store: Path, commands: Commands, server: ControlServer, size: int
) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(socket_path(store)))
        request = {"command": "go on", "arguments": {"size": size, "goes on": True}}
        client.sendall(json.dumps(request).encode() + b"\n")
        assert commands.started.acquire(timeout=60)
        server.stop(1)
        assert commands.ended.acquire(timeout=60)


@pytest.mark.usefixtures("server")
def test_a_reader_is_told_that_the_daemon_stopped(
    store: Path, server: ControlServer, commands: Commands
) -> None:
    with closing(follow(store, "go on", {"size": 1, "goes on": True})) as batches:
        assert next(batches) == ["x"]
        server.stop(1)
        with pytest.raises(AdminError, match="the daemon stopped"):
            eventually(lambda: [batch for batch in batches if batch])
    assert commands.ended.acquire(timeout=60)


def test_a_connection_that_cannot_be_accepted_ends_nothing(
    store: Path, server: ControlServer, caplog: pytest.LogCaptureFixture
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        # With this limit there is no descriptor for the connection.
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            client.connect(str(socket_path(store)))
            eventually(lambda: "cannot accept connections" in caplog.text)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        client.sendall(b'{"command": "echo", "arguments": {"n": 2}}\n')
        assert json.loads(client.makefile().readline()) == {"ok": True, "result": {"n": 2}}
    assert caplog.text.count("cannot accept connections") == 1
    assert ask(store, "echo", {"n": 3}, 5) == {"n": 3}


UNCHANGEABLE = ("id", "hash", "created_at", "active = 0, quota", "rowid", "ICCID", "")


@pytest.mark.parametrize("column", UNCHANGEABLE)
@pytest.mark.parametrize(
    ("command", "row", "table"),
    [("company.set", "company", "companies"), ("key.set", "key", "api_keys"), ("sim.set", "sim", "sims")],
)
def test_a_client_of_the_socket_changes_no_other_column(
    played: PlayedGateway, command: str, row: str, table: str, column: str
) -> None:
    context = admin(played)
    played.up(1, "8922300000000000001")
    run(context, "key.add", {"company": 1})
    before = tuple(played.row(f"SELECT * FROM {table} WHERE id = 1"))  # noqa: S608 - the names are those of this test
    with pytest.raises(AdminError, match="changes"):
        run(context, command, {row: 1, "changes": {column: 7}})
    with pytest.raises(AdminError, match="changes"):
        run(context, command, {row: 1, "changes": {"active": True, "enabled": True, column: 7}})
    assert tuple(played.row(f"SELECT * FROM {table} WHERE id = 1")) == before  # noqa: S608


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("company.set", {"company": 1, "changes": {"active": "no"}}),
        ("company.set", {"company": 1, "changes": {"quota": True}}),
        ("company.set", {"company": 2**64, "changes": {"active": True}}),
        ("company.set", {"company": 1, "changes": {}}),
        ("company.set", {"company": 1, "changes": [["active", True]]}),
        ("company.add", {"name": "x", "context": 1}),
        ("company.add", {"name": "x", "self": 1}),
        ("company.add", {"name": "x", "__class__": 1}),
        ("key.set", {"key": 1, "changes": {"expires_at": 2**62}}),
        ("key.add", {"company": 1, "expires_at": -1}),
        ("key.add", {"company": -1}),
        ("sim.set", {"sim": 1, "changes": {"company_id": 2**63}}),
        ("sim.set", {"sim": 1, "changes": {"cost": "1"}}),
        ("sim.set", {"sim": 1, "changes": {"cost": float("nan")}}),
        ("send", {"recipient": "1", "text": "x", "priority": "__class__"}),
        ("send", {"recipient": "1", "text": "x", "wait_s": 1e9}),
        ("message.settle", {"sms_id": "x", "verdict": "__class__"}),
        ("message.list", {"status": "nonsense"}),
        ("message.show", {"sms_id": "\udcff"}),
        ("inbox.list", {"limit": "1; DROP TABLE inbox"}),
        ("__class__", {}),
    ],
)
def test_invalid_arguments_of_a_client_of_the_socket_are_a_clear_error(
    played: PlayedGateway, command: str, arguments: dict[str, object]
) -> None:
    with pytest.raises(AdminError):
        run(admin(played), command, arguments)


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path)
    yield played
    played.close()


def admin(played: PlayedGateway) -> Context:
    return Context(
        played.store,
        played.clock,
        Calendar(played.settings.numbers.zone),
        Numbering(played.settings.numbers),
        played.gateway,
    )


READING = [
    ("company", "list"),
    ("key", "list"),
    ("key", "set", "1", "--active", "no"),
    ("sim", "list"),
    ("message", "list"),
    ("message", "show", "x"),
    ("inbox",),
    ("inbox", "--unreadable"),
    ("status",),
    ("check",),
    ("send", "+22370123456", "x"),
    ("ussd", "1", "*123#"),
    ("watch", "1"),
    ("loop-test",),
]


@pytest.mark.parametrize("arguments", [*READING, ("backup", "{folder}/copy.db")], ids=" ".join)
@pytest.mark.parametrize("present", ["nothing", "no folder", "an empty file", "a text", "another database"])
def test_a_command_on_a_mistyped_path_creates_no_file(
    tmp_path: Path, arguments: tuple[str, ...], present: str
) -> None:
    folder = tmp_path / ("missing" if present == "no folder" else "folder")
    path = folder / "typo.db"
    if present != "no folder":
        folder.mkdir()
    if present == "an empty file":
        path.touch()
    if present == "a text":
        path.write_text("a list of things to buy")
    if present == "another database":
        with closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE other (x)")
    config = tmp_path / "gatewayd.toml"
    config.write_text(f'[api]\nlisten = "127.0.0.1:0"\n[store]\npath = "{path}"\n')
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    arguments = tuple(argument.format(folder=tmp_path) for argument in arguments)
    result = CliRunner().invoke(main, ["--config", str(config), *arguments])
    assert result.exit_code == 1
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
    assert folder.exists() is (present != "no folder")
    if arguments != ("check",):
        assert result.stderr.startswith("gatewayd: ")
        assert result.stderr.count("\n") == 1
