"""A database with the tables of a fleet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet.databases import Database
from tests.fleet.postgres.connections import prepare


@pytest.fixture
def fleet_database(database: Database, tmp_path: Path) -> Database:
    """A database that `fleet init` has prepared."""
    prepare(database, tmp_path)
    return database
