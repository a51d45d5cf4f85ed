"""The number of queued parts of each SIM, and of pending messages: always exact, and never written to disk.

Counting a queue of a million parts for each request would be slow, and a counter in a table would cost a page of wear for
each change. So the writing connection has the counts in a temporary table in memory, which triggers update. Counts
roll back with their transaction.
"""

from __future__ import annotations

from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables.part_filters import QUEUED


def install_queue_counts(db: Connection) -> None:
    """Make the counts and the triggers that update them. For the writing connection only."""
    old, new = (" AND ".join(f"{row}.{term}" for term in QUEUED.split(" AND ")) for row in ("old", "new"))
    db.executescript(f"""
        CREATE TEMP TABLE load (sim_id INTEGER PRIMARY KEY, waiting INTEGER NOT NULL);
        INSERT INTO load SELECT sim_id, count(*) FROM main.parts WHERE {QUEUED} GROUP BY sim_id;
        CREATE TEMP TRIGGER load_added AFTER INSERT ON main.parts WHEN {new} BEGIN
            INSERT INTO load VALUES (new.sim_id, 1) ON CONFLICT DO UPDATE SET waiting = waiting + 1;
        END;
        CREATE TEMP TRIGGER load_left AFTER UPDATE OF state, deferred, sim_id ON main.parts WHEN {old} BEGIN
            UPDATE load SET waiting = waiting - 1 WHERE sim_id = old.sim_id;
        END;
        CREATE TEMP TRIGGER load_joined AFTER UPDATE OF state, deferred, sim_id ON main.parts WHEN {new} BEGIN
            INSERT INTO load VALUES (new.sim_id, 1) ON CONFLICT DO UPDATE SET waiting = waiting + 1;
        END;
        CREATE TEMP TRIGGER load_removed AFTER DELETE ON main.parts WHEN {old} BEGIN
            UPDATE load SET waiting = waiting - 1 WHERE sim_id = old.sim_id;
        END;
        CREATE TEMP TABLE pending (messages INTEGER NOT NULL);
        INSERT INTO pending SELECT count(*) FROM main.messages WHERE status = 'pending';
        CREATE TEMP TRIGGER pending_added AFTER INSERT ON main.messages WHEN new.status = 'pending' BEGIN
            UPDATE pending SET messages = messages + 1;
        END;
        CREATE TEMP TRIGGER pending_left AFTER UPDATE OF status ON main.messages
            WHEN old.status = 'pending' AND new.status <> 'pending' BEGIN
            UPDATE pending SET messages = messages - 1;
        END;
        CREATE TEMP TRIGGER pending_removed AFTER DELETE ON main.messages WHEN old.status = 'pending' BEGIN
            UPDATE pending SET messages = messages - 1;
        END;
    """)


def recount(db: Connection) -> None:
    """Count the queued parts again, after an index was damaged. On the writing connection."""
    db.execute("DELETE FROM load")
    db.execute(f"INSERT INTO load SELECT sim_id, count(*) FROM main.parts WHERE {QUEUED} GROUP BY sim_id")


def waiting(db: Connection) -> dict[int, int]:
    """Queued parts by SIM id; a SIM without any may be missing."""
    return dict(db.execute("SELECT sim_id, waiting FROM load").fetchall())


def pending(db: Connection) -> int:
    """The number of pending messages."""
    count: int = db.execute("SELECT messages FROM pending").fetchone()[0]
    return count
