"""PostgreSQL servers and databases for the tests of a fleet. Without the library of libpq5, psycopg cannot be
imported, and nothing is collected."""

from __future__ import annotations

from collections.abc import Iterator
from ctypes.util import find_library

import pytest

from tests.fleet.databases import Database, copied_server, empty_database, temporary_server
from tools.postgres_folder import PostgresFolder

collect_ignore_glob = [] if find_library("pq") else ["test_*.py"]


@pytest.fixture(scope="session")
def stopped_cluster() -> Iterator[PostgresFolder]:
    """The data that the servers of this process begin with."""
    with temporary_server() as server:
        server.stop()
        yield server


@pytest.fixture(scope="session")
def cluster(stopped_cluster: PostgresFolder) -> Iterator[PostgresFolder]:
    """A server that the tests of this process share: do not stop it. It does not wait for the disk."""
    with copied_server(stopped_cluster) as server:
        yield server


@pytest.fixture
def database(cluster: PostgresFolder) -> Iterator[Database]:
    """An empty database on the shared server."""
    with empty_database(cluster) as made:
        yield made


@pytest.fixture
def own_cluster(stopped_cluster: PostgresFolder) -> Iterator[PostgresFolder]:
    """A server of this test alone, which it may stop, kill and restart."""
    with copied_server(stopped_cluster) as server:
        yield server
