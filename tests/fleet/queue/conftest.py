"""A fleet for each test, in a copy of a database that has the schema already."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gatewayd.fleet.postgres.migrations import migrate
from tests.fleet.databases import Database
from tests.fleet.queue.boxes_of_a_fleet import Fleet, connected, fleet_in
from tools.postgres_folder import PostgresFolder

_TEMPLATE = "queue_template"


@pytest.fixture(scope="session")
def schema(cluster: PostgresFolder) -> str:
    """The name of a database with the schema, which nobody uses."""
    cluster.create_database(_TEMPLATE)
    db = connected(Database(cluster, _TEMPLATE))
    migrate(db)
    db.close()
    return _TEMPLATE


@pytest.fixture
def fleet_database(
    cluster: PostgresFolder, schema: str, request: pytest.FixtureRequest
) -> Iterator[Database]:
    """A database with the schema."""
    name = f"queue_{abs(hash(request.node.nodeid))}"
    cluster.psql(f"CREATE DATABASE {name} TEMPLATE {schema};")
    yield Database(cluster, name)
    cluster.drop_database(name)


@pytest.fixture
def fleet(fleet_database: Database) -> Iterator[Fleet]:
    """Two boxes: `a` with the SIMs 1 and 2, `b` with the SIM 3."""
    with fleet_in(fleet_database) as made:
        made.begin()
        made.add_box("a", [1, 2])
        made.add_box("b", [3])
        yield made
