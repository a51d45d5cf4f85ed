"""Reading a database while another process uses it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.inspection import lock_holder, quick_check, recent_counts
from gatewayd.store.store import Store
from tests.conftest import eventually


def test_the_process_that_holds_a_store_is_found_without_making_a_file(tmp_path: Path) -> None:
    path = tmp_path / "gatewayd.db"
    assert lock_holder(path) is None
    assert list(tmp_path.iterdir()) == []
    store = Store(path)
    store.open()
    assert lock_holder(path) == os.getpid()
    store.close()
    assert lock_holder(path) is None
    store.open()  # the check left no lock behind
    store.close()


def test_a_check_of_a_store_in_use_finds_no_fault(tmp_path: Path) -> None:
    store = Store(tmp_path / "gatewayd.db")
    store.open()
    try:
        assert quick_check(store.path, 20) == []
        assert recent_counts(store.path) == {
            "newest_messages": 0,
            "by_status": {},
            "reasons": [],
            "refusals": {},
        }
    finally:
        store.close()


def test_a_check_of_a_large_database_ends_in_time(tmp_path: Path) -> None:
    path = tmp_path / "large.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "CREATE TABLE filler AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 500000)"
            " SELECT i, 'abcdefghijklmnopqrstuvwxyz' FROM n"
        )
    assert quick_check(path, 60) == []
    # The time may run out on a busy machine before the check begins: then try again.
    eventually(lambda: quick_check(path, 0.01) is None)


def test_a_file_that_is_no_database_and_one_that_cannot_be_opened_differ(tmp_path: Path) -> None:
    path = tmp_path / "gatewayd.db"
    with pytest.raises(StoreUnavailableError):
        quick_check(path, 1)
    path.write_bytes(b"something else" * 1000)
    assert quick_check(path, 1) == ["file is not a database"]
    with pytest.raises(StoreUnavailableError):
        recent_counts(path)
