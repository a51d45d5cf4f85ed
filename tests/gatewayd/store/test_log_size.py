"""The log has its full size from the start, and is replayed after a crash like any log."""

from __future__ import annotations

import shutil
from pathlib import Path

from gatewayd.store.store import Store
from gatewayd.store.tables import accounts
from tests.conftest import eventually
from tests.gatewayd.store.wal import frames, uncopied

LOG_SIZE = 50


def names(store: Store) -> list[str]:
    with store.readers.lend() as db:
        return [row[0] for row in db.execute("SELECT name FROM companies ORDER BY id")]


def add(store: Store, name: str) -> None:
    store.write(lambda db: accounts.add_company(db, name, None, 0))


def on_disk(path: Path) -> int:
    """Allocated bytes: a hole has none."""
    return path.stat().st_blocks * 512


def test_the_log_does_not_grow_while_it_is_written(tmp_path: Path) -> None:
    store = Store(tmp_path / "gatewayd.db")
    store.open()
    log = tmp_path / "gatewayd.db-wal"
    size = log.stat().st_size
    assert on_disk(log) >= size > 4 << 20
    for n in range(LOG_SIZE):
        add(store, str(n))
    assert frames(store.path) > LOG_SIZE
    assert log.stat().st_size == size
    store.cut_log()
    eventually(lambda: uncopied(store.path) == 0)
    assert log.stat().st_size == size
    store.close()


def test_a_log_that_has_grown_is_truncated_to_its_size(tmp_path: Path) -> None:
    store = Store(tmp_path / "gatewayd.db")
    store.open()
    log = tmp_path / "gatewayd.db-wal"
    size = log.stat().st_size
    store.write(lambda db: db.execute("CREATE TABLE filler AS SELECT zeroblob(6000000) AS x"))
    assert log.stat().st_size > size
    store.cut_log()
    eventually(lambda: log.stat().st_size == size)
    add(store, "more")
    assert names(store) == ["more"]
    store.close()


def test_after_a_crash_the_data_of_the_log_and_its_size_are_there(tmp_path: Path) -> None:
    store = Store(tmp_path / "gatewayd.db")
    store.open()
    for n in range(LOG_SIZE):
        add(store, str(n))
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in ("gatewayd.db", "gatewayd.db-wal"):
        shutil.copyfile(tmp_path / name, crashed / name)
    add(store, "after the crash")
    store.close()
    restarted = Store(crashed / "gatewayd.db")
    restarted.open()
    assert names(restarted) == [str(n) for n in range(LOG_SIZE)]
    add(restarted, "more")
    assert names(restarted)[-1] == "more"
    assert (crashed / "gatewayd.db-wal").stat().st_size > 4 << 20
    restarted.close()
