"""A clean stop leaves one whole file. After a crash a log is replayed, and only into its own database."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from gatewayd.store import backup
from gatewayd.store.engine import wal_owner
from gatewayd.store.engine.connection import (
    LOG_ROOM_BYTES,
    Connection,
    connect_reader,
    connect_writer,
    keep_log,
)
from gatewayd.store.engine.disk import State
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.store import Store
from gatewayd.store.tables import accounts
from tests.conftest import eventually

HEADER_OF_GENERATION = (60, 68)  # user version and application id


def add(store: Store, name: str) -> None:
    store.write(lambda db: accounts.add_company(db, name, None, 0))


def open_store(path: Path) -> Store:
    store = Store(path)
    store.open()
    return store


def names(path: Path) -> list[str]:
    """The companies in a store, opened as at a start."""
    store = open_store(path)
    try:
        with store.readers.lend() as db:
            return [row[0] for row in db.execute("SELECT name FROM companies ORDER BY id")]
    finally:
        store.close()


def crash(path: Path, folder: Path) -> Path:
    """The files of an open store after a power cut."""
    folder.mkdir()
    for file in path.parent.iterdir():
        if file.is_file():
            shutil.copyfile(file, folder / file.name)
    return folder / path.name


def asides(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.iterdir() if "foreign" in file.name)


def back_up(path: Path, target: Path) -> Path:
    backup.back_up(
        path, target, now=1, overwrite=False, on_progress=lambda _: None, cancelled=threading.Event()
    )
    return target


# A clean stop.


def test_after_a_clean_stop_the_database_is_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a" / "gatewayd.db"
    store = open_store(path)
    for number in range(50):
        add(store, str(number))
    with store.readers.lend() as db, store.lists.lend() as other:
        for each in (db, other):
            each.execute("SELECT * FROM companies").fetchall()
    store.close()
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "gatewayd.db",
        "gatewayd.db.lock",
        "gatewayd.db.reserve",
    ]
    copy = tmp_path / "copy.db"
    shutil.copyfile(path, copy)
    assert names(copy) == [str(number) for number in range(50)]


def test_an_open_list_does_not_prevent_the_removal_of_the_log(tmp_path: Path) -> None:
    store = open_store(tmp_path / "gatewayd.db")
    add(store, "kept")
    reading, finished = threading.Event(), threading.Event()

    def read() -> None:
        with store.lists.lend() as db:
            found = db.execute("SELECT * FROM companies UNION ALL SELECT * FROM companies")
            found.fetchone()
            reading.set()
            finished.wait(0.2)

    thread = threading.Thread(target=read)
    thread.start()
    assert reading.wait(60)
    store.close()
    thread.join()
    assert not (tmp_path / "gatewayd.db-wal").exists()


def test_after_a_stop_the_file_is_whole_even_while_another_process_reads(tmp_path: Path) -> None:
    path = tmp_path / "gatewayd.db"
    store = open_store(path)
    with closing(connect_reader(path)) as other:
        other.execute("SELECT * FROM companies").fetchall()
        add(store, "kept")
        store.close()
        shutil.copyfile(path, tmp_path / "copy.db")
    assert names(tmp_path / "copy.db") == ["kept"]
    assert names(path) == ["kept"]


def test_a_closed_store_lends_no_connection_and_can_be_opened_again(tmp_path: Path) -> None:
    store = open_store(tmp_path / "gatewayd.db")
    add(store, "kept")
    store.close()
    with pytest.raises(StoreUnavailableError, match="closed"), store.readers.lend():
        pass
    store.open()
    with store.readers.lend() as db:
        assert db.execute("SELECT name FROM companies").fetchone()[0] == "kept"
    store.close()


# The log of a crash.


def test_the_log_of_a_crash_is_replayed_at_every_start(tmp_path: Path) -> None:
    path = tmp_path / "0" / "gatewayd.db"
    for number in range(4):
        store = open_store(path)
        add(store, str(number))
        path = crash(path, tmp_path / str(number + 1))
        store.close()
    assert names(path) == ["0", "1", "2", "3"]
    assert asides(path) == []


CHILD = """
import sys
from pathlib import Path
from gatewayd.store.tables import accounts
from gatewayd.store.store import Store

store = Store(Path(sys.argv[1]))
store.open()
number = 0
while True:
    store.write(lambda db: accounts.add_company(db, str(number), None, 0))
    print(number, flush=True)
    number += 1
"""


def test_the_commits_of_a_killed_process_are_replayed(tmp_path: Path) -> None:
    path = tmp_path / "gatewayd.db"
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(20)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    numbers = [line.strip() for line in lines if line.endswith("\n")]
    assert names(path)[: len(numbers)] == numbers
    assert asides(path) == []


def test_a_power_cut_at_any_moment_of_a_start_loses_nothing(tmp_path: Path) -> None:
    """After a power cut at any moment of a start, the next start finds all data."""
    path = tmp_path / "0" / "gatewayd.db"
    store = open_store(path)
    add(store, "kept")
    crashed = crash(path, tmp_path / "crashed")
    store.close()
    db = connect_writer(crashed)
    keep_log(db)
    moments: list[Path] = []

    def cut(_: str) -> None:
        moments.append(crash(crashed, tmp_path / f"moment-{len(moments)}"))

    db.set_trace_callback(cut)
    wal_owner.begin_generation(db)
    db.set_trace_callback(None)
    cut("in the end")
    db.execute("INSERT INTO companies (name, created_at) VALUES ('after', 0)")
    cut("in use")
    db.close()
    for before, after in pairwise(list(moments)):  # a checkpoint that wrote only its first page
        torn = tmp_path / f"torn-{len(moments)}" / "gatewayd.db"
        shutil.copytree(before.parent, torn.parent)
        with after.open("rb") as new, torn.open("r+b") as old:
            old.write(new.read(512))
        moments.insert(0, torn)
    assert len(moments) > 10
    assert [names(moment) for moment in moments] == [["kept"]] * (len(moments) - 1) + [["kept", "after"]]
    assert [asides(moment) for moment in moments] == [[]] * len(moments)


def test_a_start_while_another_process_reads_keeps_the_content_of_the_log(tmp_path: Path) -> None:
    path = tmp_path / "0" / "gatewayd.db"
    store = open_store(path)
    add(store, "first")
    crashed = crash(path, tmp_path / "1")
    store.close()
    with closing(connect_reader(crashed)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM companies").fetchall()
        restarted = open_store(crashed)
        add(restarted, "second")
        later = crash(crashed, tmp_path / "2")
        restarted.close()
    assert names(later) == ["first", "second"]
    assert asides(later) == []


def unmark(path: Path) -> None:
    """Make the files as a version without generations left them."""
    log = path.with_name(path.name + "-wal")
    with log.open("r+b") as file:
        file.seek(log.stat().st_size - 64)
        file.write(bytes(64))


def grow(path: Path) -> None:
    """Make the log longer than its size, so that its mark is overwritten."""
    with path.with_name(path.name + "-wal").open("ab") as file:
        file.write(bytes(4096))


def rot(path: Path) -> None:
    """Damage one byte of the generation in the header of the database."""
    with path.open("r+b") as file:
        file.seek(70)
        octet = file.read(1)[0]
        file.seek(70)
        file.write(bytes([octet ^ 1]))


@pytest.mark.parametrize("lose", [unmark, grow, rot])
def test_a_log_without_a_known_generation_counts_as_that_of_the_database(
    tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    path = tmp_path / "0" / "gatewayd.db"
    store = open_store(path)
    add(store, "kept")
    crashed = crash(path, tmp_path / "1")
    store.close()
    lose(crashed)
    assert names(crashed) == ["kept"]
    assert asides(crashed) == []


# Another database beside the log.


def of_a_backup(path: Path, store: Store) -> Path:
    add(store, "in both")
    return back_up(path, path.parent.parent / "backup.db")


def of_a_stop(path: Path, store: Store) -> Path:
    add(store, "in both")
    store.close()
    copy = path.parent.parent / "copy.db"
    shutil.copyfile(path, copy)
    store.open()
    return copy


def of_another_box(path: Path, store: Store) -> Path:
    other_database = path.parent.parent / "other" / "gatewayd.db"
    another = open_store(other_database)
    add(another, "in both")
    another.close()
    return other_database


def of_an_older_version(path: Path, store: Store) -> Path:
    """Its generation is 0."""
    copy = of_a_stop(path, store)
    with copy.open("r+b") as file:
        for offset in HEADER_OF_GENERATION:
            file.seek(offset)
            file.write(bytes(4))
    return copy


Put = Callable[[Path, Path], object]
KINDS = [of_a_backup, of_a_stop, of_another_box, of_an_older_version]


@pytest.mark.parametrize("put", [shutil.copyfile, os.replace], ids=["copied", "moved"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_log_is_not_replayed_into_another_database(
    tmp_path: Path, kind: Callable[[Path, Store], Path], put: Put, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "0" / "gatewayd.db"
    store = open_store(path)
    other_database = kind(path, store)
    for number in range(30):
        add(store, f"later {number}")
    crashed = crash(path, tmp_path / "1")
    store.close()
    log = crashed.with_name("gatewayd.db-wal").read_bytes()
    put(other_database, crashed)
    assert names(crashed) == ["in both"]
    assert asides(crashed) == ["gatewayd.db.foreign-1-wal"]
    assert (crashed.parent / "gatewayd.db.foreign-1-wal").read_bytes() == log
    assert "gatewayd.db.foreign-1-wal" in caplog.text
    assert names(crashed) == ["in both"]


def test_a_second_log_is_set_aside_beside_the_first(tmp_path: Path) -> None:
    path = tmp_path / "0" / "gatewayd.db"
    store = open_store(path)
    copy = back_up(path, tmp_path / "backup.db")
    add(store, "later")
    crashed = crash(path, tmp_path / "1")
    store.close()
    log = crashed.with_name("gatewayd.db-wal")
    set_aside = log.read_bytes()
    for _ in range(2):
        log.write_bytes(set_aside)
        shutil.copyfile(copy, crashed)
        assert names(crashed) == []
    assert asides(crashed) == ["gatewayd.db.foreign-1-wal", "gatewayd.db.foreign-2-wal"]


# Rollback journals.


def hot_journal(path: Path, folder: Path) -> Path:
    """The files of a database in the middle of a transaction that is written through a rollback journal."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = DELETE")
    db.execute("PRAGMA cache_size = 1")  # it is written before the transaction ends
    db.execute("PRAGMA synchronous = FULL")
    db.execute("BEGIN IMMEDIATE")
    db.executemany(
        "INSERT INTO companies (name, created_at) VALUES (?, 0)", [(f"x{n}" * 50,) for n in range(200)]
    )
    crashed = crash(path, folder)
    db.execute("ROLLBACK")
    db.close()
    assert crashed.with_name("gatewayd.db-journal").stat().st_size > 0
    return crashed


def prepared(path: Path) -> Path:
    store = open_store(path)
    add(store, "kept")
    store.close()
    return path


def test_the_journal_of_the_database_is_rolled_back(tmp_path: Path) -> None:
    crashed = hot_journal(prepared(tmp_path / "0" / "gatewayd.db"), tmp_path / "1")
    assert names(crashed) == ["kept"]
    assert asides(crashed) == []


def test_a_journal_is_not_played_back_into_another_database(tmp_path: Path) -> None:
    path = prepared(tmp_path / "0" / "gatewayd.db")
    copy = back_up(path, tmp_path / "backup.db")
    crashed = hot_journal(path, tmp_path / "1")
    shutil.copyfile(copy, crashed)
    assert names(crashed) == ["kept"]
    assert asides(crashed) == ["gatewayd.db.foreign-1-journal"]


def test_the_journal_of_the_first_transaction_does_not_empty_a_database(tmp_path: Path) -> None:
    path = prepared(tmp_path / "0" / "gatewayd.db")
    new = tmp_path / "new" / "gatewayd.db"
    new.parent.mkdir()
    db = sqlite3.connect(new, isolation_level=None)
    db.execute("PRAGMA page_size = 512")
    db.execute("PRAGMA cache_size = 1")
    db.execute("BEGIN IMMEDIATE")
    db.execute("CREATE TABLE t AS SELECT zeroblob(100000) AS x")
    crashed = crash(new, tmp_path / "1")
    db.close()
    shutil.copyfile(path, crashed)
    assert names(crashed) == ["kept"]
    assert asides(crashed) == ["gatewayd.db.foreign-1-journal"]


def test_a_log_keeps_its_size(tmp_path: Path) -> None:
    store = open_store(tmp_path / "gatewayd.db")
    assert (tmp_path / "gatewayd.db-wal").stat().st_size == LOG_ROOM_BYTES
    store.close()


def test_each_start_has_a_new_generation_and_a_test_write_has_none(tmp_path: Path) -> None:
    store = open_store(tmp_path / "gatewayd.db")

    def header(db: Connection) -> list[int]:
        return [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]

    def full(db: Connection) -> None:
        db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")
        try:
            db.execute("CREATE TABLE filler AS SELECT zeroblob(1000000) AS x")
        finally:
            db.execute("PRAGMA max_page_count = 4294967294")

    before = store.write(header)
    assert all(before)
    with pytest.raises(StoreUnavailableError):
        store.write(full)
    assert store.condition.state is not State.OK
    eventually(lambda: store.condition.state is State.OK)
    assert store.write(header) == before
    store.close()
    store.open()
    assert store.write(header) != before
    store.close()


def test_another_process_that_ends_does_not_remove_the_log(tmp_path: Path) -> None:
    """SQLite's locks would be lost if this process closed any descriptor of the file; then the log would be removed."""
    store = open_store(tmp_path / "gatewayd.db")
    add(store, "kept")
    code = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); print(*db.execute('SELECT name FROM companies')); db.close()"
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", code, str(store.path)], capture_output=True, text=True, check=True
        )
        assert "kept" in done.stdout
        store.cut_log()
        assert (tmp_path / "gatewayd.db-wal").stat().st_size == LOG_ROOM_BYTES
    store.close()
