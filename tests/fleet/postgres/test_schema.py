"""The schema: made once, by migrations that programs of neighbouring versions share, with a role of few rights."""

from __future__ import annotations

import itertools
import threading
from contextlib import closing
from pathlib import Path

import pytest

from gatewayd.fleet.postgres import migrations
from gatewayd.fleet.postgres.connection import connect
from gatewayd.fleet.postgres.errors import (
    PostgresRefusedError,
    PostgresSettingsError,
    TooNewError,
    TooOldError,
)
from gatewayd.fleet.postgres.migrations import VERSION, check_version, migrate
from gatewayd.fleet.postgres.roles import grant, make_role
from gatewayd.fleet.postgres.settings import ConnectionSettings
from gatewayd.store.engine.connection import connect_writer
from gatewayd.store.migrations import migrate as migrate_locally
from tests.fleet.databases import Database
from tests.fleet.postgres.connections import box_connection, settings_of

pytestmark = pytest.mark.postgres

# Tables that each box keeps for itself.
LOCAL = {
    "_sqlite_migrations", "sqlite_sequence", "assemblies", "assembly_parts", "audit_log", "backup_of", "box_settings", "clock",
    "inbound_seen", "incarnation", "learned_balances", "loop_tests", "modem_models", "outcomes", "paused_ports",
    "person_sessions", "persons", "pins", "ports", "shared_messages", "store_owner", "ussd_answers",
}  # fmt: skip


def test_several_boxes_may_migrate_at_the_same_time(database: Database, tmp_path: Path) -> None:
    settings = settings_of(database.superuser_dsn, tmp_path)
    applied: list[list[int]] = []

    def run() -> None:
        with closing(connect(settings)) as db:
            applied.append(migrate(db))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(itertools.chain(*applied)) == [*range(1, VERSION + 1)]  # each by one of them
    with closing(connect(settings)) as db:
        check_version(db)
        assert migrate(db) == []


def test_a_program_works_with_neighbouring_versions_only(fleet_database: Database, tmp_path: Path) -> None:
    with closing(connect(settings_of(fleet_database.superuser_dsn, tmp_path))) as db:
        db.execute("INSERT INTO schema_versions VALUES (?, 0, ?)", (VERSION + 1, VERSION))
        check_version(db)  # a newer program migrated, in a way that this one understands
        assert migrate(db) == []
        db.execute("INSERT INTO schema_versions VALUES (?, 0, ?)", (VERSION + 2, VERSION + 1))
        with pytest.raises(TooOldError):
            check_version(db)
        with pytest.raises(TooOldError):
            migrate(db)
        db.execute("DELETE FROM schema_versions")
        with pytest.raises(TooNewError, match="fleet init"):
            check_version(db)


def test_an_empty_database_is_told_apart(database: Database, tmp_path: Path) -> None:
    with box_connection(database, tmp_path) as db, pytest.raises(TooNewError, match="fleet init"):
        check_version(db)


def test_a_migration_that_fails_leaves_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = migrations.Migration(
        1, 1, migrations.MIGRATIONS[0].script + "CREATE TABLE x (); CREATE TABLE x ();"
    )
    monkeypatch.setattr(migrations, "MIGRATIONS", (broken,))
    with closing(connect(settings_of(database.superuser_dsn, tmp_path))) as db:
        with pytest.raises(Exception, match="already exists"):
            migrate(db)
        monkeypatch.undo()
        assert migrate(db) == [*range(1, VERSION + 1)]


def test_the_shared_tables_have_the_columns_of_the_local_ones_in_their_order(
    fleet_database: Database, tmp_path: Path
) -> None:
    with (
        closing(connect_writer(tmp_path / "gatewayd.db")) as sqlite,
        box_connection(fleet_database, tmp_path) as db,
    ):
        migrate_locally(sqlite)
        names = [row[0] for row in sqlite.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for name in sorted({*names} - LOCAL):
            here = sqlite.execute(
                "SELECT name, type, [notnull] OR pk FROM pragma_table_info(?)", (name,)
            ).fetchall()
            there = db.execute(
                "SELECT column_name, data_type, is_nullable = 'NO' FROM information_schema.columns"
                " WHERE table_schema = 'gatewayd' AND table_name = ? ORDER BY ordinal_position",
                (name,),
            ).fetchall()
            types = {"INTEGER": "bigint", "REAL": "double precision", "TEXT": "text", "BLOB": "bytea"}
            assert [tuple(row) for row in there] == [
                (row[0], types[row[1]], int(row[2] > 0)) for row in here
            ], name
        collations = db.execute(
            "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'gatewayd' AND data_type = 'text'"
            " AND table_name = 'messages' AND coalesce(collation_name, '') <> 'C'"
        ).fetchone()
        assert collations is not None
        assert collations[0] == 0


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE gatewayd.x (a bigint)",
        "CREATE TABLE public.x (a bigint)",
        "DROP TABLE messages",
        "ALTER TABLE messages ADD COLUMN x bigint",
        "TRUNCATE messages",
        "UPDATE schema_versions SET version = 99",
        "CREATE ROLE other",
        "CREATE DATABASE other",
        "COPY messages TO '/tmp/x'",
        "SELECT pg_read_file('/etc/passwd')",
    ],
)
def test_the_role_of_the_boxes_may_do_nothing_but_its_work(
    fleet_database: Database, tmp_path: Path, statement: str
) -> None:
    with closing(connect(settings_of(fleet_database.superuser_dsn, tmp_path, "owner"))) as owner:
        password = make_role(owner, "least")
        grant(owner, "least")
    file = tmp_path / "least"
    file.write_text(password, encoding="utf-8")
    server = fleet_database.server
    dsn = f"host=127.0.0.1 port={server.port} user=least dbname={fleet_database.name}"
    with closing(connect(ConnectionSettings(dsn, "a", password_file=file))) as db:
        check_version(db)
        db.execute("INSERT INTO companies (name, created_at) VALUES ('a', 0)")
        db.execute("UPDATE companies SET name = 'b'")
        db.execute("DELETE FROM companies")
        with pytest.raises(PostgresRefusedError):
            db.run_script(statement)


@pytest.mark.parametrize("name", ["A", "a;b", 'a"b', "", "1a", "x" * 64])
def test_a_role_has_a_plain_name(fleet_database: Database, tmp_path: Path, name: str) -> None:
    with (
        closing(connect(settings_of(fleet_database.superuser_dsn, tmp_path))) as owner,
        pytest.raises(PostgresSettingsError),
    ):
        make_role(owner, name)


def test_a_change_of_a_copied_table_raises_its_version_and_wakes_the_boxes(
    fleet_database: Database, tmp_path: Path
) -> None:
    def versions() -> dict[str, int]:
        return dict(db.execute("SELECT table_name, version FROM copies").fetchall())

    with (
        box_connection(fleet_database, tmp_path) as db,
        box_connection(fleet_database, tmp_path, "b") as other,
    ):
        db.execute(
            "INSERT INTO boxes (name, number, incarnation, submit_timeout_s, version, joined_at, seen_at)"
            " VALUES ('b', 4, 'x', 60, '1', 0, 0)"
        )
        other.listen("box_4")
        before = versions()
        for table, statement in (
            ("companies", "INSERT INTO companies (name, created_at) VALUES ('a', 0)"),
            ("companies", "UPDATE companies SET active = 0"),
            ("api_keys", "DELETE FROM api_keys"),
            ("sims", "INSERT INTO sims (iccid, port, slot, first_seen_at) VALUES ('1', 1, 1, 0)"),
            ("webhooks", "DELETE FROM webhooks"),
        ):
            db.execute(statement)
            assert versions() == {**before, table: before[table] + 1}
            assert other.wait_for_notices(60) == ["box_4"]
            before = versions()
        db.execute("INSERT INTO company_usage VALUES (1, 'm', 1)")
        assert versions() == before
