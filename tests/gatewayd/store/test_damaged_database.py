"""Damaged databases: refused at start, or a clear state as soon as the damage is found, and never a loop."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayd.store.engine.connection import Connection, Row, connect_reader, connect_writer
from gatewayd.store.engine.disk import State
from gatewayd.store.engine.errors import (
    StoreDamagedError,
    StoreUnavailableError,
    StoreVersionError,
    damage,
)
from gatewayd.store.inspection import quick_check
from gatewayd.store.store import Store
from gatewayd.store.tables import messages
from tests.conftest import eventually
from tests.gatewayd.store.wal import uncopied


def fill(db: Connection) -> None:
    rows = [
        (
            n,
            f"id {n}",
            n,
            1,
            "+223",
            "text " * 30,
            1,
            0,
            1,
            None,
            1,
            1,
            1,
            0,
            "d",
            "d",
            n,
            None,
            None,
            None,
            0,
            0,
            0,
        )
        for n in range(1, 200)
    ]
    messages.insert(db, rows)
    messages.insert_parts(db, [(n, 1, 1, 0, 1) for n in range(1, 200)])


def filled_store(path: Path) -> Store:
    """A store with messages in its file and in its log."""
    store = Store(path)
    store.open()
    store.write(fill)
    return store


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a store after a power cut: a part of the data is only in the log."""
    folder = tmp_path_factory.mktemp("store")
    store = filled_store(folder / "gatewayd.db")
    with store.readers.lend() as db:  # the log stays when the writer closes
        db.execute("SELECT 1 FROM sims")
        copy = tmp_path_factory.mktemp("crashed")
        for file in folder.iterdir():
            shutil.copy(file, copy)
    store.close()
    return copy


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a store that was closed."""
    folder = tmp_path_factory.mktemp("closed")
    filled_store(folder / "gatewayd.db").close()
    return folder


def use(path: Path) -> str:
    """Open a store, read and write all its data; the detail of its condition, or the error."""
    store = Store(path)
    try:
        store.open()
    except (StoreUnavailableError, StoreVersionError) as error:
        return str(error)
    try:
        with suppress(StoreUnavailableError), store.readers.lend() as db:
            db.execute("SELECT * FROM messages").fetchall()
        with suppress(StoreUnavailableError):
            store.write(lambda db: db.execute("UPDATE parts SET priority = priority + 1"))
        return store.condition.detail
    finally:
        store.close()


Damage = Callable[[Path], None]


def overwrite(name: str, at: float, content: bytes) -> Damage:
    def damage(folder: Path) -> None:
        file = folder / name
        size = file.stat().st_size
        with file.open("r+b") as stream:
            stream.seek(int(at * size))
            stream.write(content)

    return damage


def cut(name: str, at: float) -> Damage:
    def damage(folder: Path) -> None:
        file = folder / name
        with file.open("r+b") as stream:
            stream.truncate(int(at * file.stat().st_size))

    return damage


NAMES = st.sampled_from(["gatewayd.db", "gatewayd.db-wal", "gatewayd.db-shm"])
PLACES = st.floats(0, 1, exclude_max=True)
DAMAGES = st.one_of(
    st.builds(overwrite, NAMES, PLACES, st.binary(min_size=1, max_size=600)),
    st.builds(overwrite, NAMES, PLACES, st.just(bytes(4096))),
    st.builds(cut, NAMES, PLACES),
)


@settings(max_examples=50)
@given(damages=st.lists(DAMAGES, min_size=1, max_size=3), crash=st.booleans())
def test_a_damaged_store_is_refused_or_opens_and_reports_the_damage(
    crashed: Path, closed: Path, damages: list[Damage], crash: bool
) -> None:
    with TemporaryDirectory() as folder:
        for file in (crashed if crash else closed).iterdir():
            shutil.copy(file, folder)
        for damage in damages:
            with suppress(FileNotFoundError):
                damage(Path(folder))
        result = use(Path(folder) / "gatewayd.db")
        assert (
            result == "" or "backup" in result or "another program" in result or "newer gatewayd" in result
        ), result


def test_a_truncated_database_is_refused_and_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "gatewayd.db"
    filled_store(path).close()
    cut("gatewayd.db", 0.6)(tmp_path)
    before = path.read_bytes()
    with pytest.raises(StoreDamagedError, match="Put a backup in its place"):
        Store(path).open()
    assert path.read_bytes() == before


def test_an_empty_or_missing_database_that_existed_before_is_not_created_again(tmp_path: Path) -> None:
    path = tmp_path / "gatewayd.db"
    filled_store(path).close()
    path.write_bytes(b"")
    with pytest.raises(StoreDamagedError, match="is empty"):
        Store(path).open()
    path.unlink()
    with pytest.raises(StoreDamagedError, match="is missing"):
        Store(path).open()


def test_a_database_of_another_program_is_refused_and_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "gatewayd.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE theirs (x)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreUnavailableError, match="another program"):
        Store(path).open()
    assert path.read_bytes() == before


def test_a_first_start_that_a_power_cut_interrupted_is_repeated(tmp_path: Path) -> None:
    schema = "SELECT sql FROM sqlite_schema WHERE tbl_name = '_sqlite_migrations' AND sql IS NOT NULL"
    path = tmp_path / "gatewayd.db"
    store = Store(tmp_path / "whole.db")
    store.open()
    with store.readers.lend() as db:
        statements = [row[0] for row in db.execute(schema)]
    store.close()
    cut = sqlite3.connect(path)
    for statement in statements:  # these are committed before the tables of the gateway
        cut.execute(statement)
    cut.close()
    store = Store(path)
    store.open()
    store.close()


def test_a_database_that_lost_a_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gatewayd.db"
    store = filled_store(path)
    store.write(lambda db: db.execute("DROP TABLE pins"))
    store.close()
    with pytest.raises(StoreDamagedError, match="lacks pins"):
        Store(path).open()


def open_files() -> set[str]:
    """The files that this process has open."""
    found = set[str]()
    for fd in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            found.add(os.readlink(f"/proc/self/fd/{fd}"))
    return found


def test_a_schema_that_is_no_text_is_damage_and_leaves_no_file_open(tmp_path: Path) -> None:
    path = tmp_path / "gatewayd.db"
    filled_store(path).close()
    content = path.read_bytes()
    assert content.count(b"CREATE TABLE companies") == 1
    # SQLite quotes it in its message, which is no UTF-8 then.
    path.write_bytes(content.replace(b"CREATE TABLE companies", b"CREATE \xff\xff\xffLE companies"))
    for connect in (connect_writer, connect_reader):
        with pytest.raises(sqlite3.DatabaseError, match="malformed") as raised:
            connect(path)
        assert damage(raised.value)
        assert str(path) not in open_files()  # `raised` would keep the connection alive
    with pytest.raises(StoreDamagedError, match="Put a backup in its place"):
        Store(path).open()
    assert quick_check(path, 60) == ["malformed database schema"]


def test_damage_that_is_found_later_stops_all_writes_and_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "gatewayd.db"
    store = filled_store(path)
    store.cut_log()
    eventually(lambda: uncopied(path) == 0)
    page = store.write(
        lambda db: db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'inbox'").fetchone()[0]
    )
    size = store.write(lambda db: db.execute("PRAGMA page_size").fetchone()[0])
    with path.open("r+b") as file:  # the page is in no cache yet
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)

    def read() -> list[Row]:
        with store.readers.lend() as db:
            return db.execute("SELECT * FROM inbox").fetchall()

    for _ in range(3):
        with pytest.raises(StoreUnavailableError):
            read()
    assert store.condition.state is State.DAMAGED
    for _ in range(3):
        with pytest.raises(StoreUnavailableError):
            store.write(lambda db: db.execute("UPDATE parts SET priority = 0"))
    assert store.write(lambda db: db.execute("SELECT sum(priority) FROM parts").fetchone()[0]) == 199
    assert len([line for line in caplog.messages if "is damaged" in line]) == 1
    store.close()
