"""The writer: durable when `run` returns, all or nothing for each job, many jobs in a commit."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from gatewayd.store.engine.connection import (
    Connection,
    SqliteConnection,
    connect_reader,
    connect_writer,
    keep_log,
)
from gatewayd.store.engine.disk import Disk
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.engine.writer import Writer
from tests.conftest import eventually
from tests.gatewayd.store.wal import frames, uncopied


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


def writer_on(path: Path, share_s: float) -> Writer:
    def connect(_: SqliteConnection | None) -> SqliteConnection:
        db = connect_writer(path)
        keep_log(db)
        db.execute("CREATE TABLE IF NOT EXISTS t (x INTEGER NOT NULL)")
        return db

    writer = Writer(connect, Disk(path), share_s=share_s)
    writer.start()
    return writer


@pytest.fixture
def writer(path: Path) -> Iterator[Writer]:
    writer = writer_on(path, share_s=60)
    yield writer
    writer.stop()


def values(path: Path) -> list[int]:
    db = connect_reader(path)
    try:
        return [row[0] for row in db.execute("SELECT x FROM t ORDER BY x")]
    finally:
        db.close()


def occupy(writer: Writer, pool: ThreadPoolExecutor) -> tuple[Future[None], threading.Event]:
    """A job that occupies the writer until the event is set."""
    started, go_on = threading.Event(), threading.Event()

    def wait(_: Connection) -> None:
        started.set()
        go_on.wait(60)

    occupied = pool.submit(writer.run, wait)
    assert started.wait(60)
    return occupied, go_on


def insert(n: int) -> Callable[[Connection], int]:
    """A job that inserts a number and returns the id of the thread that ran it."""

    def work(db: Connection) -> int:
        db.execute("INSERT INTO t VALUES (?)", (n,))
        return threading.get_ident()

    return work


def test_other_connections_see_the_changes_when_run_returns(writer: Writer, path: Path) -> None:
    writer.run(lambda db: db.execute("INSERT INTO t VALUES (1)"))
    assert values(path) == [1]


def test_every_commit_is_synced(writer: Writer) -> None:
    full = 2
    assert writer.run(lambda db: db.execute("PRAGMA synchronous").fetchone()[0]) == full
    assert writer.run(lambda db: db.execute("PRAGMA journal_mode").fetchone()[0]) == "wal"


def test_a_failed_job_leaves_no_changes_and_the_others_are_kept(writer: Writer, path: Path) -> None:
    go_on = threading.Event()

    def wait(db: Connection) -> None:
        go_on.wait(60)

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
        go_on.set()
        first.result(60)
        for job in jobs:
            job.result(60)
        with pytest.raises(KeyError, match="mine"):
            failing.result(60)
    assert values(path) == [1, 2]


def test_jobs_that_wait_together_share_a_transaction(writer: Writer) -> None:
    with ThreadPoolExecutor(20) as pool:
        occupied, go_on = occupy(writer, pool)
        rest = [pool.submit(writer.run, insert(n)) for n in range(10)]
        eventually(lambda: writer.waiting == len(rest))
        before = writer.commits
        go_on.set()
        occupied.result(60)
        for job in rest:
            job.result(60)
    assert writer.commits - before == 2  # one for the job that occupied the writer, one for the ten


def test_the_first_job_does_not_wait_for_jobs_that_take_longer_than_a_sync(path: Path) -> None:
    writer = writer_on(path, share_s=0)

    def slow(db: Connection) -> None:
        db.execute("INSERT INTO t VALUES (1)")
        time.sleep(0.02)  # much longer than a sync here

    with ThreadPoolExecutor(5) as pool:
        occupied, go_on = occupy(writer, pool)
        jobs = [pool.submit(writer.run, slow) for _ in range(4)]
        eventually(lambda: writer.waiting == len(jobs))
        before = writer.commits
        go_on.set()
        for job in (occupied, *jobs):
            job.result(60)
    writer.stop()
    assert writer.commits - before > 2  # the job that occupied the writer, and one for all
    assert values(path) == [1] * 4


def test_a_job_that_fails_in_its_own_commit_leaves_no_changes_and_the_next_is_kept(
    writer: Writer, path: Path
) -> None:
    def fail(db: Connection) -> None:
        db.execute("INSERT INTO t VALUES (1)")
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        writer.run(fail)
    writer.run(lambda db: db.execute("INSERT INTO t VALUES (2)"))
    assert values(path) == [2]


def test_an_integrity_error_is_raised_to_the_caller_and_is_no_disk_error(writer: Writer) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        writer.run(lambda db: db.execute("INSERT INTO t VALUES (NULL)"))


def test_a_full_database_is_unavailable_until_there_is_space(writer: Writer, path: Path) -> None:
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


def test_a_stopped_writer_has_stored_its_jobs_and_refuses_new_ones(writer: Writer, path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        jobs = [
            pool.submit(writer.run, lambda db, n=n: db.execute("INSERT INTO t VALUES (?)", (n,)))
            for n in range(50)
        ]
        for job in jobs:
            job.result(60)
    writer.stop()
    assert values(path) == list(range(50))
    with pytest.raises(StoreUnavailableError):
        writer.run(lambda db: None)


def test_an_outcome_is_stored_on_a_full_disk_where_new_jobs_are_refused(writer: Writer, path: Path) -> None:
    writer.run(lambda db: db.execute("PRAGMA max_page_count = 3"))
    runs: list[str] = []

    def must_be_kept(db: Connection) -> None:
        runs.append("vital")
        db.execute("INSERT INTO t VALUES (1)")

    def new_job(db: Connection) -> None:
        runs.append("new")
        db.executemany("INSERT INTO t VALUES (?)", ((n,) for n in range(10_000)))

    with ThreadPoolExecutor() as pool:
        occupied, go_on = occupy(writer, pool)
        jobs = [pool.submit(writer.run, must_be_kept), pool.submit(writer.run, new_job, new=True)]
        eventually(lambda: writer.waiting == len(jobs))
        go_on.set()
        occupied.result(60)
        jobs[0].result(60)
        with pytest.raises(StoreUnavailableError, match="the disk is full"):
            jobs[1].result(60)
    assert values(path) == [1]
    assert sorted(runs) == ["new", "vital", "vital"]  # the second time without the new job
    with pytest.raises(StoreUnavailableError, match="the disk is full"):
        writer.run(new_job, new=True)


def test_a_caller_that_finds_the_writer_idle_runs_its_own_job(writer: Writer) -> None:
    assert writer.run(insert(1)) == threading.get_ident()


def test_the_first_waiting_caller_runs_the_jobs_of_all(writer: Writer, path: Path) -> None:
    with ThreadPoolExecutor(5) as pool:
        occupied, go_on = occupy(writer, pool)
        threads: list[int] = []

        def ask(n: int) -> int:
            threads.append(threading.get_ident())
            return writer.run(insert(n))

        jobs: list[Future[int]] = []
        for n in range(3):
            jobs.append(pool.submit(ask, n))
            eventually(lambda: writer.waiting == len(jobs))
        go_on.set()
        assert [job.result(60) for job in jobs] == [threads[0]] * 3
        occupied.result(60)
    assert values(path) == [0, 1, 2]


def test_a_job_that_is_joined_runs_before_the_job_that_joins_it_and_shares_its_commit(
    writer: Writer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatewayd.store.engine.writer._JOIN_S", 60)
    started, before = time.monotonic(), writer.commits
    with ThreadPoolExecutor() as pool:
        seen: SimpleQueue[Future[list[Any]]] = SimpleQueue()

        def look(db: Connection) -> list[Any]:
            db.execute("INSERT INTO t VALUES (2)")
            return db.execute("SELECT x FROM t").fetchall()

        ran_in = writer.run(insert(1), joined=lambda: seen.put(pool.submit(writer.run, look)))
        assert [row[0] for row in seen.get().result()] == [1, 2]
    assert ran_in != threading.get_ident()
    assert (writer.commits - before, values(path)) == (1, [1, 2])
    assert time.monotonic() - started < 30


def test_a_job_that_nobody_joins_is_written_by_its_caller(writer: Writer, path: Path) -> None:
    assert writer.run(insert(1), joined=lambda: None) == threading.get_ident()
    assert values(path) == [1]


def test_a_job_that_is_to_be_joined_is_written_as_soon_as_another_writer_ends(
    writer: Writer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatewayd.store.engine.writer._JOIN_S", 60)
    started = time.monotonic()
    with ThreadPoolExecutor() as pool:
        occupied, go_on = occupy(writer, pool)
        writer.run(insert(1), joined=go_on.set)
        occupied.result()
    assert values(path) == [1]
    assert time.monotonic() - started < 30


def test_a_joined_job_that_fails_leaves_no_changes_and_the_one_behind_it_is_kept(
    writer: Writer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatewayd.store.engine.writer._JOIN_S", 60)

    def fail(db: Connection) -> None:
        db.execute("INSERT INTO t VALUES (1)")
        raise ValueError("out of order")

    with ThreadPoolExecutor() as pool:
        behind: SimpleQueue[Future[int]] = SimpleQueue()
        with pytest.raises(ValueError, match="out of order"):
            writer.run(fail, joined=lambda: behind.put(pool.submit(writer.run, insert(2))))
        behind.get().result()
    assert values(path) == [2]


def test_a_caller_that_waits_too_long_withdraws_its_job_and_the_others_go_on(
    writer: Writer, path: Path
) -> None:
    with ThreadPoolExecutor(3) as pool:
        occupied, go_on = occupy(writer, pool)
        future = pool.submit(writer.run, insert(1))
        eventually(lambda: writer.waiting == 1)
        with pytest.raises(StoreUnavailableError, match="too slow"):
            writer.run(insert(2), 0.01)
        go_on.set()
        future.result(60)
        occupied.result(60)
    assert values(path) == [1]


def test_an_interrupted_writing_thread_leaves_no_changes_and_the_others_go_on(
    writer: Writer, path: Path
) -> None:
    def interrupted(db: Connection) -> None:
        db.execute("INSERT INTO t VALUES (9)")
        raise KeyboardInterrupt

    with ThreadPoolExecutor(4) as pool:
        occupied, go_on = occupy(writer, pool)
        jobs: list[Future[Any]] = []
        for work in (insert(0), interrupted, insert(1)):
            jobs.append(pool.submit(writer.run, work))
            eventually(lambda: writer.waiting == len(jobs))
        go_on.set()
        with pytest.raises(KeyboardInterrupt):
            jobs[0].result(60)  # it ran the jobs of all
        for job in jobs[1:]:
            with pytest.raises(StoreUnavailableError, match="interrupted"):
                job.result(60)
        occupied.result(60)
    writer.run(insert(2))
    assert values(path) == [2]


def test_a_transaction_that_cannot_begin_fails_for_all_waiting_callers(writer: Writer, path: Path) -> None:
    writer.run(lambda db: db.execute("PRAGMA busy_timeout = 20"))
    blocker = connect_writer(path)  # as an SQLite shell does
    blocker.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(writer.run, insert(n)) for n in range(3)]
        for job in jobs:
            with pytest.raises(StoreUnavailableError, match="locked"):
                job.result(60)
        blocker.execute("ROLLBACK")
        blocker.close()
    writer.run(insert(4))
    assert values(path) == [4]


def test_a_job_without_a_waiting_caller_runs_and_its_answer_is_called(writer: Writer, path: Path) -> None:
    answers: SimpleQueue[int | None] = SimpleQueue()
    writer.hand_over(insert(1), answers.put)
    assert answers.get(timeout=60) is not None
    assert values(path) == [1]

    def fail(_: Connection) -> int:
        raise KeyError("mine")

    writer.hand_over(fail, answers.put)
    assert answers.get(timeout=60) is None


def test_a_stopped_writer_runs_the_jobs_that_were_handed_over_before(writer: Writer, path: Path) -> None:
    answers: SimpleQueue[int | None] = SimpleQueue()
    with ThreadPoolExecutor(2) as pool:
        occupied, go_on = occupy(writer, pool)
        writer.hand_over(insert(1), answers.put)
        future = pool.submit(writer.run, insert(2))
        eventually(lambda: writer.waiting == 2)
        stopping = threading.Thread(target=writer.stop)
        stopping.start()
        go_on.set()
        for job in (occupied, future):
            job.result(60)
        stopping.join(60)
    assert answers.get(timeout=60) is not None
    assert values(path) == [1, 2]
    assert not writer.running


def test_many_threads_with_short_timeouts_lose_nothing_and_do_not_deadlock(
    writer: Writer, path: Path
) -> None:
    stored: SimpleQueue[int] = SimpleQueue()

    def keep(first: int) -> None:
        for n in range(first, first + 200):
            try:
                writer.run(insert(n), 0.0005 if n % 3 == 0 else 30)
            except StoreUnavailableError:
                continue
            stored.put(n)

    with ThreadPoolExecutor(8) as pool:
        for occupied in [pool.submit(keep, 1000 * thread) for thread in range(8)]:
            occupied.result(60)
    assert values(path) == sorted(stored.get() for _ in range(stored.qsize()))


def test_the_log_is_truncated_between_two_commits_while_many_threads_write(
    writer: Writer, path: Path
) -> None:
    writer.run(insert(0))
    assert frames(path) > 0
    with ThreadPoolExecutor(4) as pool:
        occupied, go_on = occupy(writer, pool)
        jobs = [pool.submit(writer.run, insert(1))]
        eventually(lambda: writer.waiting == 1)
        writer.cut_log()  # the log is truncated after that commit
        jobs.append(pool.submit(writer.run, insert(2)))
        eventually(lambda: writer.waiting == 2)
        go_on.set()
        occupied.result(60)
        for job in jobs:
            job.result(60)
    eventually(lambda: uncopied(path) <= 1)  # it was truncated before or after the last commit
    assert writer.running
    assert values(path) == [0, 1, 2]
