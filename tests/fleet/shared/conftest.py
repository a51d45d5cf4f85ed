"""Fleets with short times, each in an own database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet.databases import Database, new_database
from tests.fleet.proxy import Proxy
from tests.fleet.shared.running_boxes import Pair, RunningBoxes
from tools.postgres_folder import PostgresFolder


@pytest.fixture
def boxes(fleet_database: Database, tmp_path: Path) -> Iterator[RunningBoxes]:
    """A fleet that has no boxes yet."""
    made = RunningBoxes(fleet_database, tmp_path / "fleet")
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def proxy(fleet_database: Database) -> Iterator[Proxy]:
    """The network between a box and PostgreSQL."""
    with Proxy(fleet_database.server.port) as made:
        yield made


@pytest.fixture(scope="module")
def pair(cluster: PostgresFolder, schema: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two boxes for all tests of a file: one has no modem, the other has two."""
    with new_database(cluster, schema) as database:
        boxes = RunningBoxes(database, tmp_path_factory.mktemp("pair") / "fleet")
        try:
            here, there = boxes.add("here", ports=0), boxes.add("there", ports=2)
            there.ready()
            company, key = boxes.company(here)
            for box in (here, there):  # the key was made at one of them
                box.knows(key, sims=2)
            yield Pair(boxes, here, there, company, key)
        finally:
            boxes.close()
