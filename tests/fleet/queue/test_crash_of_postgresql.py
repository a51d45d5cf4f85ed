"""PostgreSQL crashes and comes back: it has not forgotten what it answered, so no box takes it for a restored one."""

from __future__ import annotations

import pytest

from gatewayd.fleet.postgres.migrations import migrate
from gatewayd.fleet.queue import acceptance, boxes
from tests.fleet.databases import new_database, temporary_server
from tests.fleet.queue.boxes_of_a_fleet import connected, fleet_in

pytestmark = pytest.mark.postgres


def test_ids_that_were_given_and_not_kept_are_no_sign_of_a_backup() -> None:
    with temporary_server() as server, new_database(server) as database:
        server.psql("ALTER SYSTEM SET wal_writer_delay = '10s';")  # what is not committed is not written
        server.psql("SELECT pg_reload_conf();")
        db = connected(database)
        migrate(db)
        db.close()
        with fleet_in(database) as fleet:
            fleet.begin()
            fleet.add_box("a", [1])
            (kept,) = fleet.accept(1)
            other = connected(database)
            other.run_script("BEGIN")
            acceptance.begin(other, (), 500)
            seen = fleet.run(lambda db: boxes.look(db, fleet.boxes["a"], beat=False))
            assert seen is not None
            server.kill()
            other.close()
        server.start()
        with fleet_in(database) as fleet:
            assert fleet.one("SELECT last_value FROM message_ids") < seen.last_message_id
            joined = fleet.join("a", had_id=kept, seen_id=seen.last_message_id)
            assert not joined.behind
            assert fleet.accept(1)[0] > kept
