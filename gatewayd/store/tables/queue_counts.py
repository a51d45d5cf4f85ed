"""The number of queued parts of each SIM and each lane, and of pending messages: always exact, and never written to disk.

Counting a queue of a million parts for each request would be slow, and a counter in a table would cost a page of wear for
each change. So the writing connection has the counts in temporary tables in memory, which triggers update. Counts
roll back with their transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection, SqliteConnection
from gatewayd.store.tables.part_filters import QUEUED

_LANE = ("sim_id", "pinned", "priority", "company_id", "transactional")
_COLUMNS = ", ".join(_LANE)
_COUNTED = f"SELECT {_COLUMNS}, count(*) FROM main.parts WHERE {QUEUED} GROUP BY {_COLUMNS}"
_SUMS = "SELECT sim_id, sum(waiting) FROM lanes GROUP BY sim_id"


@dataclass(frozen=True, slots=True)
class Lane:
    """The queued parts of one SIM, company and kind. Parts of one lane are sent in the order of their places."""

    sim_id: int
    pinned: int
    priority: int
    company_id: int
    transactional: int


def install_queue_counts(db: SqliteConnection) -> None:
    """Make the counts and the triggers that update them. For the writing connection only."""
    old, new = (" AND ".join(f"{row}.{term}" for term in QUEUED.split(" AND ")) for row in ("old", "new"))
    new_lane = ", ".join(f"new.{column}" for column in _LANE)
    is_old_lane = " AND ".join(f"{column} = old.{column}" for column in _LANE)
    added = f"""
            INSERT INTO lanes VALUES ({new_lane}, 1) ON CONFLICT DO UPDATE SET waiting = waiting + 1;
            INSERT INTO load VALUES (new.sim_id, 1) ON CONFLICT DO UPDATE SET waiting = waiting + 1;
    """
    removed = f"""
            UPDATE lanes SET waiting = waiting - 1 WHERE {is_old_lane};
            UPDATE load SET waiting = waiting - 1 WHERE sim_id = old.sim_id;
    """
    changes = f"UPDATE OF state, deferred, {_COLUMNS} ON main.parts"
    db.executescript(f"""
        CREATE TEMP TABLE lanes (
            sim_id INTEGER, pinned INTEGER, priority INTEGER, company_id INTEGER, transactional INTEGER,
            waiting INTEGER NOT NULL, PRIMARY KEY ({_COLUMNS})
        ) WITHOUT ROWID;
        INSERT INTO lanes {_COUNTED};
        CREATE TEMP TABLE load (sim_id INTEGER PRIMARY KEY, waiting INTEGER NOT NULL);
        INSERT INTO load {_SUMS};
        CREATE TEMP TRIGGER load_added AFTER INSERT ON main.parts WHEN {new} BEGIN {added} END;
        CREATE TEMP TRIGGER load_left AFTER {changes} WHEN {old} BEGIN {removed} END;
        CREATE TEMP TRIGGER load_joined AFTER {changes} WHEN {new} BEGIN {added} END;
        CREATE TEMP TRIGGER load_removed AFTER DELETE ON main.parts WHEN {old} BEGIN {removed} END;
        CREATE TEMP TABLE pending (messages INTEGER NOT NULL);
        INSERT INTO pending SELECT count(*) FROM main.messages WHERE status = 'pending' AND sandbox = 0;
        CREATE TEMP TRIGGER pending_added AFTER INSERT ON main.messages WHEN new.status = 'pending' AND new.sandbox = 0 BEGIN
            UPDATE pending SET messages = messages + 1;
        END;
        CREATE TEMP TRIGGER pending_left AFTER UPDATE OF status ON main.messages
            WHEN old.status = 'pending' AND new.status <> 'pending' AND new.sandbox = 0 BEGIN
            UPDATE pending SET messages = messages - 1;
        END;
        CREATE TEMP TRIGGER pending_removed AFTER DELETE ON main.messages WHEN old.status = 'pending' AND old.sandbox = 0 BEGIN
            UPDATE pending SET messages = messages - 1;
        END;
    """)


def recount(db: Connection) -> None:
    """Count the queued parts again, after an index was damaged. On the writing connection."""
    db.execute("DELETE FROM lanes")
    db.execute(f"INSERT INTO lanes {_COUNTED}")
    db.execute("DELETE FROM load")
    db.execute(f"INSERT INTO load {_SUMS}")


def waiting(db: Connection) -> dict[int, int]:
    """Queued parts by SIM id; a SIM without any may be missing."""
    return dict(db.execute("SELECT sim_id, waiting FROM load").fetchall())


def waiting_in_bulk(db: Connection, company_ids: Iterable[int]) -> dict[int, int]:
    """Queued parts by SIM id that are bulk and not transactional, of these companies."""
    marks = ", ".join(str(int(company_id)) for company_id in company_ids)
    return dict(
        db.execute(
            "SELECT sim_id, sum(waiting) FROM lanes WHERE priority = 2 AND transactional = 0"
            f" AND company_id IN ({marks}) AND waiting > 0 GROUP BY sim_id"
        ).fetchall()
    )


def lanes(db: Connection, sim_id: int, *, pinned: bool = True) -> list[Lane]:
    """The lanes of a SIM's queue that have parts; `pinned` false: only those that are not pinned."""
    found = db.execute(
        f"SELECT {_COLUMNS} FROM lanes WHERE sim_id = ? AND pinned <= ? AND waiting > 0", (sim_id, pinned)
    )
    return [Lane(*row) for row in found]


def by_company(db: Connection) -> dict[tuple[int, int], int]:
    """Queued parts by company id and priority, of all SIMs; only those that have some."""
    rows = db.execute(
        "SELECT company_id, priority, sum(waiting) FROM lanes WHERE waiting > 0 GROUP BY company_id, priority"
    )
    return {(row[0], row[1]): row[2] for row in rows}


def pending(db: Connection) -> int:
    """The number of pending messages, without those of sandbox keys."""
    count: int = db.execute("SELECT messages FROM pending").fetchone()[0]
    return count
