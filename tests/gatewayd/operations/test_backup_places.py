"""Backups and their folders: owner, files that they must not overwrite, disk, and permissions."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from config.settings import StoreSettings
from gatewayd.cli import main
from gatewayd.operations.backups import Backups, running_backup
from gatewayd.store import backup
from gatewayd.store.backup_folder import on_one_disk
from gatewayd.store.engine.errors import StoreDamagedError
from gatewayd.store.store import Store
from gatewayd.store.store_owner import known_owner, owner_of
from gatewayd.timekeeping.clock import Clock
from tests.conftest import Running, cli_json, eventually

NOBODY_UID = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")


class Box:
    """The store of one gateway, and a folder of backups that gateways may share."""

    def __init__(self, folder: Path, backups: Path) -> None:
        folder.mkdir(parents=True)
        self.path = folder / "gatewayd.db"
        self.backups = backups
        self.config = folder / "gatewayd.toml"
        self.config.write_text(
            f'[api]\nlisten = "127.0.0.1:0"\n[store]\npath = "{self.path}"\nbackup_dir = "{backups}"\n'
        )
        self.store = Store(self.path)
        self.store.open()

    def back_up(self, times: int, keep: int = 2) -> None:
        """Let the gateway make at least `times` regular backups."""
        settings = StoreSettings(
            path=self.path, backup_dir=self.backups, backup_every_s=0.02, backup_keep=keep
        )
        backups = Backups(settings, self.store, Clock())
        first = self.newest()
        backups.start()
        eventually(lambda: self.newest() >= first + times)
        backups.stop(10)

    def newest(self) -> int:
        own = backup.own(self.backups, known_owner(self.path))
        return int(own[-1].stem.split("-")[1]) if own else 0

    def command(self, *arguments: str | Path) -> Result:
        return CliRunner().invoke(main, ["--config", str(self.config), *map(str, arguments)])

    def damage(self) -> None:
        self.store.close()
        self.path.write_bytes(self.path.read_bytes()[:-8192])


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path / "box", tmp_path)
    yield box
    box.store.close()


@pytest.fixture
def boxes(tmp_path: Path) -> Iterator[tuple[Box, Box]]:
    shared = tmp_path / "shared"
    shared.mkdir()
    first, second = Box(tmp_path / "first", shared), Box(tmp_path / "second", shared)
    yield first, second
    first.store.close()
    second.store.close()


def test_a_gateway_prunes_its_own_backups_and_leaves_those_of_another(boxes: tuple[Box, Box]) -> None:
    first, second = boxes
    first.back_up(3, keep=3)
    own_backups = {path: path.read_bytes() for path in backup.own(first.backups, known_owner(first.path))}
    assert len(own_backups) >= 3
    second.back_up(6, keep=1)
    assert {path: path.read_bytes() for path in own_backups} == own_backups
    assert len(backup.own(second.backups, known_owner(second.path))) <= 2
    assert known_owner(first.path) != known_owner(second.path)
    assert {owner_of(path) for path in own_backups} == {known_owner(first.path)}
    output = second.command("check", "--json").stdout
    assert f"{len(own_backups)} backups in {second.backups} belong to another gateway" in output


def test_a_damaged_database_is_never_replaced_by_the_backup_of_another_gateway(
    boxes: tuple[Box, Box],
) -> None:
    first, second = boxes
    first.store.write(lambda db: db.execute("INSERT INTO companies (name, created_at) VALUES ('First', 0)"))
    first.back_up(1)
    second.back_up(1)
    first.back_up(1)  # the newest of all backups
    second.store.write(lambda db: db.execute("INSERT INTO companies (name, created_at) VALUES ('Second', 0)"))
    second.damage()
    second.store = Store(second.path, backups=second.backups)
    second.store.open()
    with second.store.readers.lend() as db:
        assert db.execute("SELECT name FROM companies").fetchall() == []
    for path in backup.own(second.backups, known_owner(second.path)):
        path.unlink()
    second.damage()
    with pytest.raises(StoreDamagedError, match="belong to another gateway and are not used"):
        Store(second.path, backups=second.backups).open()


def test_a_backup_of_an_older_version_counts_where_no_other_gateway_uses_the_folder(
    boxes: tuple[Box, Box],
) -> None:
    first, second = boxes
    first.back_up(1)
    [old] = backup.own(first.backups, known_owner(first.path))[:1]
    with closing(sqlite3.connect(old)) as db:
        db.executescript("DROP TABLE store_owner")
    assert old in backup.own(first.backups, known_owner(first.path))
    second.back_up(1)
    assert old not in backup.own(first.backups, known_owner(first.path))


def test_the_backup_of_another_gateway_is_not_overwritten(boxes: tuple[Box, Box], tmp_path: Path) -> None:
    first, second = boxes
    first.store.close()
    second.store.close()
    target = tmp_path / "today.db"
    assert first.command("backup", target).exit_code == 0
    assert first.command("backup", target, "--force").exit_code == 0
    before = target.read_bytes()
    result = second.command("backup", target, "--force")
    assert (result.exit_code, "another gateway" in result.stderr) == (1, True)
    assert target.read_bytes() == before


def test_a_database_that_was_moved_or_restored_keeps_its_owner(
    boxes: tuple[Box, Box], tmp_path: Path
) -> None:
    first, second = boxes
    owner = known_owner(first.path)
    first.store.close()
    moved = tmp_path / "moved" / "gatewayd.db"
    moved.parent.mkdir()
    shutil.copy(first.path, moved)
    store = Store(moved)
    store.open()
    store.close()
    assert (known_owner(moved), owner_of(moved)) == (owner, owner)
    second.store.close()
    second_owner = known_owner(second.path)
    shutil.copy(first.path, second.path)  # of another gateway, by hand: that gateway may still run
    second.store = Store(second.path)
    second.store.open()
    second.store.close()
    assert (known_owner(second.path), owner_of(second.path)) == (second_owner, second_owner)


OWN = ["", "-wal", "-shm", "-journal", ".lock", ".reserve", ".probe", ".restored", ".damaged-1"]


FORMS = ["relative", "linked folder", "symbolic link", "hard link", "dots"]


@pytest.mark.parametrize(
    ("form", "suffix"),
    [
        *(("as it is", suffix) for suffix in OWN),
        *((form, suffix) for form in FORMS for suffix in ("", "-journal")),
    ],
)
def test_a_backup_never_replaces_a_file_of_the_store(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, suffix: str
) -> None:
    own = box.path.with_name(box.path.name + suffix)
    target = own
    if form == "relative":
        monkeypatch.chdir(box.path.parent)
        target = Path(own.name)
    elif form == "linked folder":
        (tmp_path / "link").symlink_to(box.path.parent)
        target = tmp_path / "link" / own.name
    elif form == "symbolic link":
        target = tmp_path / "link.db"
        target.symlink_to(own)
    elif form == "hard link":
        if not own.exists():
            own.touch()
        target = tmp_path / "link.db"
        target.hardlink_to(own)
    elif form == "dots":
        target = box.path.parent / ".." / box.path.parent.name / own.name
    before = {file: file.stat().st_ino for file in box.path.parent.iterdir()}
    for force in (True, False):
        with pytest.raises(backup.BackupError, match="a file of the store itself"):
            list(running_backup(box.path, target.absolute(), 0, overwrite=force))
    assert {file: file.stat().st_ino for file in box.path.parent.iterdir()} == before


def test_a_backup_never_replaces_a_socket_or_a_device(running: Running, box: Box, tmp_path: Path) -> None:
    socket = running.state / "gatewayd.sock"
    result = running.cli_raw("backup", str(socket), "--force")
    assert (result.returncode, "a file of the store itself" in result.stderr) == (1, True)
    assert socket.is_socket()
    assert running.cli("status")["version"]
    box.store.close()
    os.mkfifo(tmp_path / "pipe")
    no_file = box.command("backup", tmp_path / "pipe", "--force")
    assert (no_file.exit_code, "is no file" in no_file.stderr) == (1, True)
    assert (tmp_path / "pipe").is_fifo()


def test_the_documented_command_works_on_a_fresh_installation(box: Box) -> None:
    box.store.close()
    target = box.path.parent / "backups" / "today.db"
    for _ in range(2):
        result = box.command("backup", target, "--force")
        assert result.exit_code == 0, result.output
    backup.check_backup(target)
    assert target.parent.stat().st_mode & 0o777 == 0o700
    missing = box.command("backup", box.path.parent / "a" / "b" / "today.db")
    assert (missing.exit_code, "Make its folder first" in missing.stderr) == (1, True)


def test_a_backup_folder_on_the_disk_of_the_database_is_a_warning(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    box.back_up(2)
    assert caplog.text.count("are on the disk of the database") == 1
    assert f"{box.backups} is on the disk of the database" in box.command("check", "--json").stdout


def test_two_partitions_are_one_disk_and_two_devices_are_two(tmp_path: Path) -> None:
    device = tmp_path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    block, disk = tmp_path / "block", tmp_path / "devices" / "mmcblk0"
    block.mkdir()
    for part in ("mmcblk0p1", "mmcblk0p2"):
        (disk / part).mkdir(parents=True)
        (disk / part / "partition").write_text("1\n")
    other_disk = Path("/dev/shm")  # noqa: S108 - only looked at: a file system of its own
    if other_disk.stat().st_dev == device:
        pytest.skip("this machine has only one file system")
    other_number = f"{os.major(other_disk.stat().st_dev)}:{os.minor(other_disk.stat().st_dev)}"
    assert not on_one_disk(tmp_path, other_disk, block)
    (block / number).symlink_to(disk / "mmcblk0p1")
    (block / other_number).symlink_to(disk / "mmcblk0p2")
    assert on_one_disk(tmp_path, other_disk, block)
    assert on_one_disk(tmp_path / "not" / "there", other_disk, block)
    (block / other_number).unlink()
    (block / other_number).symlink_to(tmp_path / "devices")
    assert not on_one_disk(tmp_path, other_disk, block)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may read, unlike `tmp_path`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@as_root
def test_a_backup_folder_without_write_access_is_logged_at_start(open_folder: Path) -> None:
    state, backups = open_folder / "state", open_folder / "stick"
    state.mkdir()
    os.chown(state, NOBODY_UID, NOBODY_UID)
    backups.mkdir(mode=0o755)
    output = run_without_rights(
        "import logging, sys; from pathlib import Path\n"
        "from config.settings import StoreSettings; from gatewayd.operations.backups import Backups\n"
        "from gatewayd.timekeeping.clock import Clock; from gatewayd.store.store import Store\n",
        f"store = Store(Path('{state}/gatewayd.db')); store.open()\n"
        f"backups = Backups(StoreSettings(path=store.path, backup_dir=Path('{backups}')), store, Clock())\n"
        "backups.start()\n"
        "import time\n"
        "deadline = time.monotonic() + 20\n"
        "while not backups.last_failure and time.monotonic() < deadline: time.sleep(0.01)\n"
        "backups.stop(5); store.close(); print(backups.last_failure)\n",
    )
    assert "sudo chown nobody:" in output.stdout, output.stderr
    assert str(backups) in output.stdout
    assert "no backup can be made in" in output.stderr


@as_root
@pytest.mark.parametrize(
    "names", [("gatewayd.db",), ("gatewayd.db", "gatewayd.db-wal"), ("gatewayd.db.lock",)]
)
def test_a_restored_file_of_the_wrong_owner_is_a_fault_with_its_remedy(
    open_folder: Path, names: tuple[str, ...]
) -> None:
    state = open_folder / "state"
    state.mkdir()
    os.chown(state, NOBODY_UID, NOBODY_UID)
    config = open_folder / "gatewayd.toml"
    config.write_text(f'[api]\nlisten = "127.0.0.1:0"\n[store]\npath = "{state}/gatewayd.db"\n')
    config.chmod(0o644)
    cli_json(config, "company", "add", "Test")
    for name in names:
        (state / name).touch()
        (state / name).chmod(0o600)
        os.chown(state / name, 0, 0)
    remedy = "sudo chown nobody:nogroup " + " ".join(str(state / name) for name in names)
    checked = CliRunner().invoke(main, ["--config", str(config), "check", "--json"])
    assert f"must belong to the owner of the folder: `{remedy}`" in checked.stdout
    started = run_without_rights(
        "import faulthandler, gatewayd.commands.run\nfrom pathlib import Path\nfrom config.settings import load\n"
        f"load(Path('{config}')).numbers.zone\n",
        f"main(['--config', '{config}', 'run'])\n",
    )
    assert started.returncode == 1
    assert started.stderr.count("\n") == 1
    assert "belongs to the user root" in started.stderr
    assert f"`{remedy}`" in started.stderr


def run_without_rights(imports: str, program: str) -> subprocess.CompletedProcess[str]:
    """Run a program as a user without files. Its imports run before the change of user, while they are readable."""
    script = (
        f"import os, gzip, encodings.ascii, encodings.idna, click._termui_impl\nfrom gatewayd.cli import main\n{imports}"
        f"os.setgroups([]); os.setgid({NOBODY_UID}); os.setuid({NOBODY_UID})\n{program}"
    )
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
