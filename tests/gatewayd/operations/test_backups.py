"""Backups, and the waiting messages of a backup that replaces the database."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from config.settings import StoreSettings
from gatewayd.admin import messages
from gatewayd.operations.backups import Backups, running_backup
from gatewayd.records import Draft, MessageRecord, Options
from gatewayd.store import backup
from gatewayd.store.backup import BackupError
from gatewayd.store.engine.errors import StoreDamagedError
from gatewayd.store.store import Store
from gatewayd.timekeeping.clock import SECOND, Clock
from modem.parts import Submission, Submitted
from modem.port.interface import Rest
from tests.conftest import Running, cli_json, eventually
from tests.gatewayd.played_ports import RECIPIENT, A, PlayedGateway, administration_context
from tests.gatewayd.store.wal import uncopied

TAKEN_AT = 1_800_000_000_000_000
HOUR = 3600 * SECOND


@pytest.fixture
def played(tmp_path: Path) -> Any:
    played = PlayedGateway(tmp_path, in_doubt_wait_s=0)
    played.up(1, A)
    yield played
    played.close()


def back_up(store: Store, target: Path, *, overwrite: bool = False) -> int:
    steps = running_backup(store.path, target, TAKEN_AT, overwrite=overwrite, ended=store.cut_log)
    while True:
        try:
            next(steps)
        except StopIteration as result:
            size: int = result.value
            return size


def replace_database(played: PlayedGateway, by: Path) -> None:
    played.close()
    for file in played.settings.store.path.parent.glob("gatewayd.db*"):
        file.unlink()
    os.replace(by, played.settings.store.path)
    played.open()
    played.up(1, A)


def test_a_backup_is_complete_and_readable_by_its_owner_only(played: PlayedGateway, tmp_path: Path) -> None:
    played.send("stored")
    target = tmp_path / "copy.db"
    assert back_up(played.store, target) == target.stat().st_size
    backup.check_backup(target)
    assert target.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.glob("copy*")] == ["copy.db"]
    with closing(sqlite3.connect(target)) as db:
        assert db.execute("SELECT text FROM messages").fetchall() == [("stored",)]


def test_a_backup_overwrites_only_with_force_and_never_the_database(
    played: PlayedGateway, tmp_path: Path
) -> None:
    target = tmp_path / "copy.db"
    target.write_text("precious")
    with pytest.raises(BackupError, match="--force"):
        back_up(played.store, target)
    assert target.read_text() == "precious"
    back_up(played.store, target, overwrite=True)
    backup.check_backup(target)
    with pytest.raises(BackupError, match="is a file of the store itself"):
        back_up(played.store, played.store.path, overwrite=True)


def test_writers_do_not_wait_for_a_backup_and_the_log_is_cut_afterwards(
    played: PlayedGateway, tmp_path: Path
) -> None:
    played.store.write(lambda db: db.execute("CREATE TABLE filler AS SELECT zeroblob(4000000) AS x"))
    steps = running_backup(
        played.store.path, tmp_path / "copy.db", 0, overwrite=False, ended=played.store.cut_log
    )
    next(steps)
    for n in range(5):
        played.send(f"meanwhile {n}")
    for _ in steps:
        pass
    eventually(lambda: uncopied(played.store.path) == 0)
    assert played.row("SELECT count(*) FROM messages")[0] == 5


def test_a_cancelled_backup_leaves_no_file(played: PlayedGateway, tmp_path: Path) -> None:
    played.store.write(lambda db: db.execute("CREATE TABLE filler AS SELECT zeroblob(40000000) AS x"))
    steps = running_backup(
        played.store.path, tmp_path / "copy.db", 0, overwrite=False, ended=played.store.cut_log
    )
    next(steps)
    steps.close()
    eventually(lambda: not list(tmp_path.glob("copy*")))


def test_waiting_messages_of_a_restored_backup_are_in_doubt(played: PlayedGateway, tmp_path: Path) -> None:
    delivered, waiting = played.send("delivered"), played.send("waiting")
    step = played.settle(1, played.claim(1), Submitted(1))
    assert isinstance(step, Submission)
    back_up(played.store, tmp_path / "copy.db")
    played.settle(1, step, Submitted(2))
    replace_database(played, tmp_path / "copy.db")
    assert isinstance(played.next(1), Rest)  # the message would arrive twice
    view = played.view(waiting)
    assert (view.status.value, view.in_doubt) == ("pending", True)
    assert "restored from a backup" in (view.failure_reason or "")
    assert played.view(delivered).status.value == "sent"
    played.restart()  # the decision does not expire
    played.up(1, A)
    assert isinstance(played.next(1), Rest)
    new = played.send("new")
    assert played.claim(1).segment.text == "new"
    assert played.view(new).status.value == "pending"


def test_a_scheduled_message_that_was_due_since_the_backup_is_held(
    played: PlayedGateway, tmp_path: Path
) -> None:
    now = TAKEN_AT
    played.clock.at = now - 2 * HOUR
    due, later = (
        played.gateway.submit(played.caller, Draft(RECIPIENT, text), Options(send_at=at), None, 0)[0]
        for text, at in (("é" * 200, now - HOUR), ("later", now + HOUR))
    )
    assert isinstance(due, MessageRecord)
    assert isinstance(later, MessageRecord)
    back_up(played.store, tmp_path / "copy.db")
    replace_database(played, tmp_path / "copy.db")
    played.clock.at = now + 2 * HOUR
    played.gateway.clock_trusted()
    assert eventually(lambda: step if isinstance(step := played.next(1), Submission) else None).total == 1
    view = played.view(due.sms_id)
    assert (view.in_doubt, view.parts) == (True, 2)
    assert "restored from a backup" in (view.failure_reason or "")
    messages.settle(administration_context(played), due.sms_id, "retry")
    assert {played.claim(1).segment.text[0] for _ in range(2)} == {"é"}


def test_a_damaged_database_is_replaced_by_the_newest_good_backup_where_configured(
    played: PlayedGateway, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    for text in ("first", "second", "third"):
        played.send(text)
        back_up(played.store, backup.next_name(folder))
    played.send("lost")
    newest = backup.kept(folder)[-1]
    newest.write_bytes(newest.read_bytes()[:-5000])  # a damaged backup
    played.close()
    path = played.settings.store.path
    path.write_bytes(path.read_bytes()[:-8192])
    with pytest.raises(StoreDamagedError):
        Store(path).open()
    store = Store(path, backups=folder)
    store.open()
    with store.readers.lend() as db:
        assert [row[0] for row in db.execute("SELECT text FROM messages")] == ["first", "second"]
        assert [row[0] for row in db.execute("SELECT DISTINCT state FROM parts")] == ["in_doubt"]
    assert path.with_name("gatewayd.db.damaged-1").stat().st_size
    store.close()
    store = Store(path, backups=folder)
    store.open()  # it is replaced only once
    store.close()
    assert not path.with_name("gatewayd.db.damaged-2").exists()
    played.open()


def test_without_a_good_backup_a_damaged_database_stays_in_place(
    played: PlayedGateway, tmp_path: Path
) -> None:
    played.close()
    path = played.settings.store.path
    intact = path.read_bytes()
    path.write_bytes(intact[:-8192])
    with pytest.raises(StoreDamagedError, match="no good backup"):
        Store(path, backups=tmp_path / "none").open()
    assert path.read_bytes() == intact[:-8192]
    path.write_bytes(intact)
    played.open()


def test_backups_are_made_regularly_and_the_newest_are_kept(played: PlayedGateway, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    settings = StoreSettings(path=played.store.path, backup_dir=folder, backup_every_s=0.02, backup_keep=2)
    backups = Backups(settings, played.store, Clock())
    backups.start()
    eventually(lambda: [file.name for file in backup.kept(folder)][-1:] >= ["gatewayd-000004.db"])
    backups.stop(5)
    assert 2 <= len(backup.kept(folder)) <= 3
    for file in backup.kept(folder):
        backup.check_backup(file)


def test_a_backup_is_made_on_request(played: PlayedGateway, tmp_path: Path) -> None:
    settings = StoreSettings(path=played.store.path, backup_dir=tmp_path / "backups", backup_every_s=86_400)
    backups = Backups(settings, played.store, Clock())
    backups.start()
    try:
        assert backups.files() == []
        backups.make_now()
        [file] = eventually(backups.files)
        assert (file.path.name, file.own) == ("gatewayd-000001.db", True)
        assert file.bytes == file.path.stat().st_size
        eventually(lambda: backups.progress is None)
    finally:
        backups.stop(5)


def test_a_copy_is_an_open_file_without_a_name(played: PlayedGateway, tmp_path: Path) -> None:
    backups = Backups(StoreSettings(path=played.store.path), played.store, Clock())
    before = set(played.store.path.parent.iterdir())
    copy = tmp_path / "copy.db"
    with backups.copy() as file:
        copy.write_bytes(file.read())
    backup.check_backup(copy)
    assert {each.name for each in set(played.store.path.parent.iterdir()) - before - {copy}} == set()


def test_the_command_backs_up_a_running_and_a_stopped_gateway(running: Running, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    document = running.cli("backup", str(target))
    assert document == {"file": str(target), "bytes": target.stat().st_size}
    backup.check_backup(target)
    refused = running.cli_raw("backup", str(target))
    assert (refused.returncode, "--force" in refused.stderr) == (1, True)
    config = tmp_path / "gatewayd.toml"
    config.write_text(f'[store]\npath = "{tmp_path}/gatewayd.db"\n')
    cli_json(config, "company", "add", "Test")  # it creates the database
    command = [
        sys.executable,
        "-m",
        "gatewayd.cli",
        "--config",
        str(config),
        "backup",
        str(tmp_path / "other.db"),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    backup.check_backup(tmp_path / "other.db")
