"""The writer: durable when it says so, all or nothing for each job, many jobs to a commit."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gatewayd.store.database import Connection, connect_reader, connect_writer, keep_log
from gatewayd.store.disk import Disk
from gatewayd.store.errors import StoreUnavailableError
from gatewayd.store.writer import Writer
from tests.conftest import eventually


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


@pytest.fixture
def writer(path: Path) -> Iterator[Writer]:
    def connect(_: Connection | None) -> Connection:
        db = connect_writer(path)
        keep_log(db)
        db.execute("CREATE TABLE IF NOT EXISTS t (x INTEGER NOT NULL)")
        return db

    writer = Writer(connect, Disk(path))
    writer.start()
    yield writer
    writer.stop()


def values(path: Path) -> list[int]:
    db = connect_reader(path)
    try:
        return [row[0] for row in db.execute("SELECT x FROM t ORDER BY x")]
    finally:
        db.close()


def test_what_run_returned_for_is_seen_by_others(writer: Writer, path: Path) -> None:
    writer.run(lambda db: db.execute("INSERT INTO t VALUES (1)"))
    assert values(path) == [1]


def test_every_commit_is_synced(writer: Writer) -> None:
    full = 2
    assert writer.run(lambda db: db.execute("PRAGMA synchronous").fetchone()[0]) == full
    assert writer.run(lambda db: db.execute("PRAGMA journal_mode").fetchone()[0]) == "wal"


def test_a_job_that_fails_takes_nothing_with_it_and_leaves_nothing(writer: Writer, path: Path) -> None:
    hold = threading.Event()

    def wait(db: Connection) -> None:
        hold.wait(10)

    def fail(db: Connection) -> None:
        db.execute("INSERT INTO t VALUES (99)")
        raise KeyError("mine")

    with ThreadPoolExecutor() as pool:
        first = pool.submit(writer.run, wait)
        jobs = [
            pool.submit(writer.run, lambda db, n=n: db.execute("INSERT INTO t VALUES (?)", (n,)))
            for n in (1, 2)
        ]
        failing = pool.submit(writer.run, fail)
        hold.set()
        first.result(10)
        for job in jobs:
            job.result(10)
        with pytest.raises(KeyError, match="mine"):
            failing.result(10)
    assert values(path) == [1, 2]


def test_jobs_that_wait_together_share_a_transaction(writer: Writer) -> None:
    begun, hold = threading.Event(), threading.Event()

    def wait(db: Connection) -> None:
        begun.set()
        hold.wait(10)

    def insert(db: Connection) -> None:
        db.execute("INSERT INTO t VALUES (1)")

    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(writer.run, wait)
        assert begun.wait(10)
        rest = [pool.submit(writer.run, insert) for _ in range(10)]
        eventually(lambda: writer.waiting == len(rest))
        before = writer.commits
        hold.set()
        for job in (first, *rest):
            job.result(10)
    assert writer.commits - before == 2  # the one that held, and one for the ten


def test_a_job_that_fails_alone_leaves_nothing_and_the_next_is_kept(writer: Writer, path: Path) -> None:
    def fail(db: Connection) -> None:
        db.execute("INSERT INTO t VALUES (1)")
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        writer.run(fail)
    writer.run(lambda db: db.execute("INSERT INTO t VALUES (2)"))
    assert values(path) == [2]


def test_an_integrity_error_is_the_callers_not_the_disks(writer: Writer) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        writer.run(lambda db: db.execute("INSERT INTO t VALUES (NULL)"))


def test_a_full_database_is_unavailable_and_service_returns_with_space(writer: Writer, path: Path) -> None:
    def limit(db: Connection, pages: int) -> None:
        db.execute(f"PRAGMA max_page_count = {pages}")

    writer.run(lambda db: limit(db, 3))

    def fill(db: Connection) -> None:
        db.executemany("INSERT INTO t VALUES (?)", ((n,) for n in range(10_000)))

    with pytest.raises(StoreUnavailableError):
        writer.run(fill)
    assert values(path) == []
    writer.run(lambda db: limit(db, 1_000_000))
    writer.run(lambda db: db.execute("INSERT INTO t VALUES (7)"))
    assert values(path) == [7]


def test_a_stopped_writer_has_kept_what_it_took_and_takes_no_more(writer: Writer, path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        jobs = [
            pool.submit(writer.run, lambda db, n=n: db.execute("INSERT INTO t VALUES (?)", (n,)))
            for n in range(50)
        ]
        for job in jobs:
            job.result(10)
    writer.stop()
    assert values(path) == list(range(50))
    with pytest.raises(StoreUnavailableError):
        writer.run(lambda db: None)


def test_what_must_be_kept_is_kept_where_what_is_new_finds_no_room(writer: Writer, path: Path) -> None:
    writer.run(lambda db: db.execute("PRAGMA max_page_count = 3"))
    begun, hold = threading.Event(), threading.Event()
    runs: list[str] = []

    def wait(db: Connection) -> None:
        begun.set()
        hold.wait(10)

    def vital(db: Connection) -> None:
        runs.append("vital")
        db.execute("INSERT INTO t VALUES (1)")

    def new(db: Connection) -> None:
        runs.append("new")
        db.executemany("INSERT INTO t VALUES (?)", ((n,) for n in range(10_000)))

    with ThreadPoolExecutor() as pool:
        first = pool.submit(writer.run, wait)
        assert begun.wait(10)
        jobs = [pool.submit(writer.run, vital), pool.submit(writer.run, new, new=True)]
        eventually(lambda: writer.waiting == len(jobs))
        hold.set()
        first.result(10)
        jobs[0].result(10)
        with pytest.raises(StoreUnavailableError, match="the disk is full"):
            jobs[1].result(10)
    assert values(path) == [1]
    assert sorted(runs) == ["new", "vital", "vital"]  # the second time without what is new
    with pytest.raises(StoreUnavailableError, match="the disk is full"):
        writer.run(new, new=True)
