"""The pace of the shared queue: two boxes on one PostgreSQL, which waits for the disk."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict

import pytest

from gatewayd.fleet.postgres.migrations import migrate
from tests.bench import fleet_queue
from tests.fleet.databases import Database, new_database, temporary_server
from tests.fleet.queue.boxes_of_a_fleet import Fleet, connected, fleet_in

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1200)]

_SECONDS = 15.0
_EACH = 10
_SIMS = {"a": range(1, 9), "b": range(9, 17)}


@pytest.fixture
def database() -> Iterator[Database]:
    """A database on a server with the settings that Debian gives it."""
    with temporary_server(fsync=True) as server, new_database(server) as made:
        db = connected(made)
        migrate(db)
        db.close()
        yield made


def _fleet(fleet: Fleet) -> None:
    fleet.begin()
    for name, sims in _SIMS.items():
        fleet.add_box(name, list(sims))


def _pace(database: Database, fleet: Fleet, seconds: float = _SECONDS) -> float:
    """Messages a second that both boxes finish."""
    running = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.bench.fleet_queue", database.superuser_dsn),
                *(
                    json.dumps(asdict(fleet.join(name, str(uuid.uuid4())).box)),
                    json.dumps(list(sims)),
                    str(seconds),
                    str(_EACH),
                ),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        for name, sims in _SIMS.items()
    ]
    total = 0.0
    for each in running:
        output, _ = each.communicate(timeout=seconds + 120)
        print(output)  # noqa: T201 - the figures
        pace = json.loads(output)
        total += pace["messages"] / pace["seconds"]
    return total


def test_two_boxes_finish_a_thousand_messages_a_second(database: Database) -> None:
    with fleet_in(database) as fleet:
        _fleet(fleet)
        fleet_queue.seed(fleet.db, 1, 60_000)
        pace = _pace(database, fleet)
        print(f"with up to 60,000 waiting: {pace:.0f} messages/s")  # noqa: T201 - the figures
        assert pace >= 1000


def test_a_million_waiting_messages_do_not_halve_the_pace(database: Database) -> None:
    with fleet_in(database) as fleet:
        _fleet(fleet)
        fleet_queue.seed(fleet.db, 1, 1_000_000)
        pace = _pace(database, fleet)
        print(f"with 1,000,000 waiting: {pace:.0f} messages/s")  # noqa: T201 - the figures
        assert pace >= 1000
        reader = connected(database)  # keeps PostgreSQL from removing what is dead
        reader.run_script("SET idle_in_transaction_session_timeout = 0")
        reader.run_script("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM boxes").fetchone()
        began = time.monotonic()
        beside = _pace(database, fleet, 60.0)
        opened = time.monotonic() - began
        reader.close()
        after = _pace(database, fleet)
        found = f"beside a reader, open for {opened:.0f} s: {beside:.0f} messages/s; after it: {after:.0f}"
        print(found)  # noqa: T201 - the figures
        assert after >= pace / 2
