"""A fleet with short times in an own database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet.box.members import Boxes
from tests.fleet.databases import Database
from tests.fleet.proxy import Proxy


@pytest.fixture
def boxes(fleet_database: Database, tmp_path: Path) -> Iterator[Boxes]:
    """A fleet that has no boxes yet."""
    made = Boxes(fleet_database, tmp_path / "fleet")
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def proxy(fleet_database: Database) -> Iterator[Proxy]:
    """The network between a box and PostgreSQL."""
    made = Proxy(fleet_database.server.port)
    try:
        yield made
    finally:
        made.close()
