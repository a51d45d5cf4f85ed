"""A connection to PostgreSQL: rows, values, errors, transactions, and what happens when it breaks or hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from enum import IntEnum, StrEnum
from pathlib import Path

import pytest

from gatewayd.fleet.postgres.connection import Connection, connect
from gatewayd.fleet.postgres.errors import (
    CommitUnknownError,
    PostgresAwayError,
    PostgresConflictError,
    PostgresConstraintError,
    PostgresFaultError,
    PostgresSlowError,
)
from tests.conftest import eventually
from tests.fleet.databases import Database
from tests.fleet.postgres.connections import box_connection, settings_of
from tests.fleet.proxy import Proxy

pytestmark = pytest.mark.postgres


@pytest.fixture
def db(fleet_database: Database, tmp_path: Path) -> Iterator[Connection]:
    with box_connection(fleet_database, tmp_path) as connection:
        yield connection


@pytest.fixture
def proxy(fleet_database: Database) -> Iterator[Proxy]:
    with Proxy(fleet_database.server.port) as proxy:
        yield proxy


def count(db: Connection) -> int:
    found: int = next(iter(db.execute("SELECT count(*) FROM companies")))[0]
    return found


def add(db: Connection, name: str = "a") -> None:
    db.execute("INSERT INTO companies (name, created_at) VALUES (?, 0)", (name,))


def add_and_run(db: Connection, statement: str) -> None:
    with db.transaction():
        add(db)
        db.execute(statement)


def test_a_row_is_read_by_place_by_name_and_as_a_tuple(db: Connection) -> None:
    row = db.execute("SELECT 1 AS one, 'b' AS two, NULL AS three").fetchone()
    assert row is not None
    assert (row[0], row["two"], row[-1], row[:2], list(row), len(row)) == (
        1,
        "b",
        None,
        (1, "b"),
        [1, "b", None],
        3,
    )
    assert row.keys() == ["one", "two", "three"]
    one, two, _ = row
    assert (one, two) == (1, "b")
    assert dict(db.execute("SELECT 1, 2").fetchall()) == {1: 2}
    assert db.execute("SELECT 1 WHERE 1 = 2").fetchone() is None
    with pytest.raises(KeyError):
        row["four"]


class Kind(StrEnum):
    A = "a"


class Number(IntEnum):
    TWO = 2


def test_values_come_back_as_from_sqlite(db: Connection) -> None:
    row = db.execute(
        "SELECT 1 = 1, ?::bigint, ?, ?, ?::bigint, sum(x), ?::bytea, ?::double precision FROM (VALUES (1), (2)) AS v (x)",
        (True, Kind.A, "é", Number.TWO, b"\0\1", 0.1),
    ).fetchone()
    assert row is not None
    assert repr(tuple(row)) == repr((1, 1, "a", "é", 2, 3, b"\0\1", 0.1))
    assert [type(value) for value in row] == [int, int, str, str, int, int, bytes, float]


def test_a_nul_in_a_text_is_replaced_and_the_text_is_kept(db: Connection) -> None:
    add(db, "a\0b")
    assert next(iter(db.execute("SELECT name FROM companies")))[0] == "a\N{REPLACEMENT CHARACTER}b"


def test_a_value_of_an_unknown_type_is_refused(db: Connection) -> None:
    with pytest.raises(PostgresFaultError):
        db.execute("SELECT ?", (object(),))


def test_many_rows_are_inserted_in_few_statements(db: Connection) -> None:
    db.executemany(
        "INSERT INTO companies (name, quota, created_at) VALUES (?, ?, ?)",
        ((f"{number}", None if number % 3 else number, number) for number in range(173)),
    )
    found = db.execute("SELECT name, quota FROM companies ORDER BY created_at").fetchall()
    assert [tuple(row) for row in found] == [
        (f"{number}", None if number % 3 else number) for number in range(173)
    ]


def test_an_error_quotes_no_value(db: Connection) -> None:
    secret = "+22370123456"
    db.execute("INSERT INTO told_states VALUES (?, ?)", (secret, "x"))
    with pytest.raises(PostgresConstraintError) as broken:
        db.execute("INSERT INTO told_states VALUES (?, ?)", (secret, "x"))
    with pytest.raises(PostgresFaultError) as wrong:
        db.execute("SELECT ?::bigint", (secret + "x",))
    for error in (broken.value, wrong.value):
        assert secret not in f"{error} {error.__cause__!r}"
        assert error.__suppress_context__


def test_a_transaction_is_kept_as_a_whole_or_not_at_all(db: Connection) -> None:
    with db.transaction():
        add(db)
    for statement in ("SELECT nothing", "SELECT 1 / 0"):
        with pytest.raises(PostgresFaultError):
            add_and_run(db, statement)
    assert count(db) == 1
    assert db.is_usable


def test_a_transaction_that_went_on_after_an_error_is_not_reported_as_kept(db: Connection) -> None:

    def careless() -> None:
        with db.transaction():
            add(db)
            with suppress(PostgresFaultError):
                db.execute("SELECT nothing")

    with pytest.raises(PostgresFaultError, match="rolled back"):
        careless()
    assert count(db) == 0


def test_a_savepoint_undoes_its_block_only(db: Connection) -> None:
    def fail() -> None:
        with db.savepoint():
            add(db)
            db.execute("SELECT nothing")

    with db.transaction():
        add(db)
        with pytest.raises(PostgresFaultError):
            fail()
        with db.savepoint():
            add(db)
    assert count(db) == 2


def test_a_connection_that_breaks_within_a_transaction_keeps_nothing_of_it(
    fleet_database: Database, proxy: Proxy, db: Connection, tmp_path: Path
) -> None:
    with closing(connect(settings_of(fleet_database.dsn_through(proxy.port), tmp_path))) as broken:

        def break_within() -> None:
            with broken.transaction():
                add(broken)
                proxy.reset()
                add(broken)

        with pytest.raises(PostgresAwayError) as away:
            break_within()
        assert not isinstance(away.value, CommitUnknownError)
        assert broken.is_broken
        assert not broken.is_usable
        with pytest.raises(PostgresAwayError):
            broken.execute("SELECT 1")
        with pytest.raises(PostgresAwayError):
            add_and_run(broken, "SELECT 1")
    assert count(db) == 0


def test_a_commit_without_an_answer_is_told_apart(
    fleet_database: Database, proxy: Proxy, db: Connection, tmp_path: Path
) -> None:
    with closing(connect(settings_of(fleet_database.dsn_through(proxy.port), tmp_path))) as broken:
        loss = proxy.lose_next_commit_answer()
        with pytest.raises(CommitUnknownError), broken.transaction():
            add(broken)
    assert loss.done.wait(60)
    assert count(db) == 1


def test_a_network_that_is_silent_is_not_waited_for_longer_than_the_deadline(
    fleet_database: Database, proxy: Proxy, tmp_path: Path
) -> None:
    settings = settings_of(fleet_database.dsn_through(proxy.port), tmp_path, answer_s=0.3)
    with closing(connect(settings)) as silent:
        proxy.cut()
        began = time.monotonic()
        with pytest.raises(PostgresAwayError, match="does not answer"):
            silent.execute("SELECT 1")
        assert time.monotonic() - began < 30
        assert silent.is_broken


def test_a_statement_and_a_lock_have_a_deadline(
    fleet_database: Database, db: Connection, tmp_path: Path
) -> None:
    settings = settings_of(fleet_database.dsn, tmp_path, statement_s=0.2, lock_s=0.1)
    with closing(connect(settings)) as slow:
        with pytest.raises(PostgresSlowError):
            slow.execute("SELECT pg_sleep(600)")
        add(db)
        with db.transaction():
            db.execute("SELECT 1 FROM companies FOR UPDATE")
            with pytest.raises(PostgresSlowError):
                slow.execute("UPDATE companies SET name = 'b'")
        slow.execute("UPDATE companies SET name = 'b'")


def test_a_deadlock_ends_one_of_its_transactions(
    fleet_database: Database, db: Connection, tmp_path: Path
) -> None:
    db.executemany("INSERT INTO company_usage VALUES (?, 'm', 0)", [(1,), (2,)])
    ended: list[BaseException | None] = []
    locked = threading.Barrier(2)

    def lock(first: int, second: int) -> None:
        with box_connection(fleet_database, tmp_path, f"box{first}") as own:
            try:
                with own.transaction():
                    own.execute("UPDATE company_usage SET used = 1 WHERE company_id = ?", (first,))
                    locked.wait(60)
                    own.execute("UPDATE company_usage SET used = 1 WHERE company_id = ?", (second,))
                ended.append(None)
            except PostgresConflictError as error:
                ended.append(error)

    threads = [threading.Thread(target=lock, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [type(each) for each in ended if each] == [PostgresConflictError]
    assert len(ended) == 2


def test_notices_are_heard_with_and_without_statements_between(
    fleet_database: Database, db: Connection, tmp_path: Path
) -> None:
    db.listen("box_7")
    with box_connection(fleet_database, tmp_path, "other") as other:
        assert db.wait_for_notices(0) == []
        other.run_script("NOTIFY box_7")
        assert db.wait_for_notices(60) == ["box_7"]
        other.run_script("NOTIFY box_7; NOTIFY box_8")
        eventually(lambda: db.execute("SELECT 1").fetchone() and db.wait_for_notices(0) == ["box_7"])
    fleet_database.psql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gatewayd a'"
    )
    with pytest.raises(PostgresAwayError):
        db.wait_for_notices(60)


def test_an_idle_connection_that_the_server_ended_is_not_usable(
    fleet_database: Database, db: Connection
) -> None:
    assert db.is_usable
    fleet_database.psql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gatewayd a'"
    )
    eventually(lambda: not db.is_usable)
