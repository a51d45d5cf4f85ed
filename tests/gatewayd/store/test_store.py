"""The store: one process at a time, its own schema, and exact counts."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from gatewayd.store.engine.connection import Connection
from gatewayd.store.engine.errors import StoreLockedError, StoreUnavailableError, StoreVersionError
from gatewayd.store.store import Store
from gatewayd.store.tables import queue_counts


def test_a_second_process_is_refused_with_the_id_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "gatewayd.db"
    store = Store(path)
    store.open()
    program = "import sys; from pathlib import Path; from gatewayd.store.store import Store; Store(Path(sys.argv[1])).open()"
    result = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, check=False
    )
    assert StoreLockedError.__name__ in result.stderr
    assert "another gatewayd (process" in result.stderr
    store.close()
    store = Store(path)
    store.open()
    store.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")
def test_files_that_root_creates_belong_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "of somebody"
    folder.mkdir()
    os.chown(folder, 12345, 23456)
    store = Store(folder / "gatewayd.db")
    store.open()
    store.write(lambda db: db.execute("CREATE TABLE t (x)"))
    owners = {path.name: (path.stat().st_uid, path.stat().st_gid) for path in folder.iterdir()}
    store.close()
    assert owners == dict.fromkeys(owners, (12345, 23456))
    names = ("gatewayd.db", "gatewayd.db-wal", "gatewayd.db-shm", "gatewayd.db.lock", "gatewayd.db.reserve")
    assert set(names) == set(owners)


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gatewayd.db"
    store = Store(path)
    store.open()
    store.write(
        lambda db: db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('gatewayd', 'm999', '')"
        )
    )
    store.close()
    with pytest.raises(StoreVersionError, match="m999"):
        Store(path).open()


def test_a_file_that_is_no_database_is_refused_and_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "gatewayd.db"
    path.write_bytes(b"not a database at all, but somebody's file" * 100)
    with pytest.raises(StoreUnavailableError):
        Store(path).open()
    assert path.read_bytes().startswith(b"not a database")


def test_only_the_owner_may_read_the_files(tmp_path: Path) -> None:
    path = tmp_path / "gatewayd.db"
    store = Store(path)
    store.open()
    store.write(lambda db: db.execute("INSERT INTO companies (name, created_at) VALUES ('x', 0)"))
    assert [oct(file.stat().st_mode & 0o077) for file in tmp_path.iterdir()] == ["0o0"] * len(
        list(tmp_path.iterdir())
    )
    store.close()


def test_readers_cannot_write(tmp_path: Path) -> None:
    store = Store(tmp_path / "gatewayd.db")
    store.open()
    with store.readers.lend() as db, pytest.raises(sqlite3.OperationalError):
        db.execute("DELETE FROM companies")
    store.close()


def counted(db: Connection) -> dict[int, int]:
    return dict(
        db.execute(
            "SELECT sim_id, count(*) FROM parts WHERE state = 'queued' AND deferred = 0 GROUP BY sim_id"
        ).fetchall()
    )


def test_the_counts_of_queued_parts_are_exact_after_random_changes(tmp_path: Path) -> None:
    chance = random.Random(1)  # noqa: S311 - the choices must be the same at each run
    store = Store(tmp_path / "gatewayd.db")
    store.open()

    def change(db: Connection) -> None:
        for _ in range(50):
            message, sim = chance.randrange(40), chance.randrange(4)
            state = chance.choice(["queued", "submitting", "submitted", "failed"])
            match chance.randrange(4):
                case 0:
                    db.execute(
                        "INSERT OR IGNORE INTO parts (message_id, seq, sim_id, pinned, priority) VALUES (?, 1, ?, 0, 1)",
                        (message, sim),
                    )
                case 1:
                    db.execute(
                        "UPDATE parts SET state = ?, deferred = ? WHERE message_id = ?",
                        (state, chance.randrange(2), message),
                    )
                case 2:
                    db.execute("UPDATE parts SET sim_id = ? WHERE message_id = ?", (sim, message))
                case 3:
                    db.execute("DELETE FROM parts WHERE message_id = ?", (message,))
        if chance.random() < 0.3:
            raise KeyError("rolled back")

    for _ in range(60):
        with suppress(KeyError):
            store.write(change)
        found = store.write(
            lambda db: ({k: n for k, n in queue_counts.waiting(db).items() if n}, counted(db))
        )
        assert found[0] == found[1]
    store.close()
    store = Store(tmp_path / "gatewayd.db")
    store.open()
    assert store.write(lambda db: (queue_counts.waiting(db), counted(db)))[0] == found[1]
    store.close()
