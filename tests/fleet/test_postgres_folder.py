"""The PostgreSQL servers that tests and the demo stand on: what they promise to those who kill them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.conftest import eventually
from tests.fleet.databases import PASSWORD, ROLE, Database, new_database, temporary_server
from tools.postgres_folder import PostgresError, PostgresFolder

pytestmark = pytest.mark.postgres


def processes_of(folder: Path) -> list[int]:
    """The processes that work in a server's folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                inside = (entry / "cwd").readlink().is_relative_to(folder)
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue  # it has ended, or it is the machine's own
            if inside:
                found.append(int(entry.name))
    return found


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A path for a copy, removed by the test's own server."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as made:
        Path(made).chmod(0o755)
        yield Path(made) / "copy"


def test_a_database_is_empty_and_belongs_to_the_role_of_the_boxes(database: Database) -> None:
    with psycopg.connect(database.dsn) as connection:
        assert connection.execute("SELECT current_user").fetchone() == (ROLE,)
        assert connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone() == (0,)
        connection.execute("CREATE TABLE left_behind (id int)")


def test_the_next_database_has_nothing_of_the_one_before(cluster: PostgresFolder) -> None:
    for _ in range(2):
        with new_database(cluster) as database, psycopg.connect(database.dsn) as connection:
            connection.execute("CREATE TABLE left_behind (id int)")


def test_a_database_is_dropped_with_its_open_connections(cluster: PostgresFolder) -> None:
    with new_database(cluster) as database:
        connection = psycopg.connect(database.dsn)
    assert database.name not in cluster.psql("SELECT datname FROM pg_database").splitlines()
    with connection, pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")


def test_a_wrong_password_is_refused(database: Database) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(database.dsn, password=PASSWORD + "x")


def test_the_socket_lets_only_the_superuser_in_without_a_password(database: Database) -> None:
    with psycopg.connect(database.superuser_dsn) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("postgres",)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(database.superuser_dsn, user=ROLE)


def test_the_superuser_has_no_way_in_by_tcp(cluster: PostgresFolder) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(cluster.dsn(port=cluster.port))


def test_a_statement_that_fails_tells_why(database: Database) -> None:
    with pytest.raises(PostgresError, match='relation "nothing" does not exist'):
        database.psql("SELECT 1; SELECT * FROM nothing;")


def test_a_kill_ends_every_process_and_keeps_what_was_committed(own_cluster: PostgresFolder) -> None:
    with new_database(own_cluster) as database:
        connection = psycopg.connect(database.dsn, autocommit=True)
        connection.execute("CREATE TABLE kept (id int)")
        connection.execute("INSERT INTO kept VALUES (1)")
        connection.execute("BEGIN")
        connection.execute("INSERT INTO kept VALUES (2)")
        busy = psycopg.connect(database.dsn)  # it would not notice for long that the main process has ended
        busy.pgconn.send_query(b"DO 'BEGIN LOOP END LOOP; END'")
        assert len(processes_of(own_cluster.data)) > 5
        own_cluster.kill()
        assert processes_of(own_cluster.data) == []
        assert not own_cluster.running
        busy.close()
        with connection, pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError, match="refused"):
            psycopg.connect(database.dsn)
        own_cluster.start()
        assert database.psql("SELECT id FROM kept") == "1"


def test_kills_leave_neither_a_lock_nor_shared_memory(own_cluster: PostgresFolder) -> None:
    used = set()
    for _ in range(3):
        own_cluster.restart()
        lock = own_cluster.data / "postmaster.pid"
        used.add(lock.read_text().splitlines()[6].split()[1])
        own_cluster.kill()
        assert not lock.exists()
    listed = subprocess.run(["ipcs", "-m"], capture_output=True, text=True, check=True).stdout
    assert not used & {line.split()[1] for line in listed.splitlines() if line.startswith("0x")}


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_keeps_the_address_and_reads_new_settings(own_cluster: PostgresFolder, mode: str) -> None:
    address = own_cluster.dsn(ROLE)
    own_cluster.settings["work_mem"] = "5MB"
    own_cluster.restart("fast" if mode == "fast" else "immediate")
    assert own_cluster.dsn(ROLE) == address
    with psycopg.connect(address) as connection:
        assert connection.execute("SHOW work_mem").fetchone() == ("5MB",)


def test_a_server_that_cannot_start_tells_the_servers_own_words(own_cluster: PostgresFolder) -> None:
    own_cluster.stop()
    own_cluster.settings["no_such_setting"] = 1
    with pytest.raises(PostgresError, match="no_such_setting"):
        own_cluster.start()
    assert not own_cluster.running


def test_a_backup_brings_back_what_was_there_when_it_was_made(
    own_cluster: PostgresFolder, elsewhere: Path
) -> None:
    own_cluster.create_database("kept", ROLE)
    own_cluster.psql("CREATE TABLE days (day int); INSERT INTO days VALUES (1);", "kept")
    own_cluster.stop()
    backup = own_cluster.copy_to(elsewhere)
    own_cluster.start()
    own_cluster.psql("INSERT INTO days VALUES (2);", "kept")
    own_cluster.stop()
    own_cluster.restore_from(backup)
    own_cluster.start()
    assert own_cluster.psql("SELECT day FROM days", "kept") == "1"
    with backup, psycopg.connect(backup.dsn(ROLE, "kept")):
        assert backup.port != own_cluster.port
        assert backup.psql("SELECT day FROM days", "kept") == "1"


def test_a_running_server_is_not_copied(own_cluster: PostgresFolder, elsewhere: Path) -> None:
    with pytest.raises(PostgresError, match="stop the server"):
        own_cluster.copy_to(elsewhere)


def test_with_tls_the_certificate_is_checked_and_plain_text_is_refused() -> None:
    with temporary_server(ssl=True) as server:
        with psycopg.connect(server.dsn(ROLE)) as connection:
            assert connection.pgconn.ssl_in_use
        with pytest.raises(psycopg.OperationalError, match="no encryption"):
            psycopg.connect(server.dsn(ROLE), sslmode="disable")


_USES_A_SERVER = """
import os, sys, time
from tests.fleet.databases import temporary_server
with temporary_server() as server:
    child = os.fork()  # it keeps all pipes of this process open
    if not child:
        time.sleep(600)
        os._exit(0)
    print(server.path, child, flush=True)
    if sys.argv[1] == "killed":
        server.kill()
        server.start()
    print(flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("what", ["untouched", "killed"])
def test_a_killed_run_leaves_neither_process_nor_folder(what: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _USES_A_SERVER, what], stdout=subprocess.PIPE, text=True
    ) as run:
        try:
            assert run.stdout is not None
            path, child = run.stdout.readline().split()
            run.stdout.readline()
            folder = Path(path)
            assert processes_of(folder)
        finally:
            run.kill()
    try:
        eventually(lambda: not processes_of(folder))
        eventually(lambda: not folder.exists())
    finally:
        os.kill(int(child), signal.SIGKILL)
