"""PostgreSQL servers and databases for the tests of a fleet. Without the library of libpq5, psycopg cannot be
imported, and nothing is collected.

The tables of a fleet are made once in a process, and copied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from ctypes.util import find_library

import pytest

from tests.fleet.databases import ROLE, Database, copied_server, new_database, temporary_server
from tools.postgres_folder import PostgresFolder

collect_ignore_glob = [] if find_library("pq") else ["*"]

_SCHEMA = "schema"


@pytest.fixture(scope="session")
def stopped_cluster() -> Iterator[PostgresFolder]:
    """The data that the servers of this process begin with."""
    with temporary_server() as server:
        server.stop()
        # No test is so long that it needs autovacuum, which takes time from all. The log of changes may lie in memory.
        server.settings |= {"autovacuum": "off", "max_wal_size": "128MB"}
        yield server


@pytest.fixture(scope="session")
def cluster(stopped_cluster: PostgresFolder) -> Iterator[PostgresFolder]:
    """A server that the tests of this process share: do not stop it. It does not wait for the disk."""
    with copied_server(stopped_cluster) as server:
        yield server


@pytest.fixture
def database(cluster: PostgresFolder) -> Iterator[Database]:
    """An empty database on the shared server."""
    with new_database(cluster) as made:
        yield made


@pytest.fixture(scope="session")
def schema(cluster: PostgresFolder) -> str:
    """The name of a database with the tables of a fleet, to be copied: nobody may connect to it."""
    from gatewayd.fleet.postgres.connection import connect  # noqa: PLC0415 - see above
    from gatewayd.fleet.postgres.migrations import migrate  # noqa: PLC0415
    from gatewayd.fleet.postgres.roles import grant  # noqa: PLC0415
    from gatewayd.fleet.postgres.settings import ConnectionSettings  # noqa: PLC0415

    cluster.create_database(_SCHEMA)
    with closing(connect(ConnectionSettings(Database(cluster, _SCHEMA).superuser_dsn, "schema"))) as db:
        migrate(db)
        grant(db, ROLE)
    return _SCHEMA


@pytest.fixture
def fleet_database(cluster: PostgresFolder, schema: str) -> Iterator[Database]:
    """A database with the tables of a fleet, on the shared server."""
    with new_database(cluster, schema) as made:
        yield made


@pytest.fixture
def own_cluster(stopped_cluster: PostgresFolder) -> Iterator[PostgresFolder]:
    """A server of this test alone, which it may stop, kill and restart."""
    with copied_server(stopped_cluster) as server:
        yield server
