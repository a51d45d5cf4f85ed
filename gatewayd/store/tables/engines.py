"""The few statements that are not the same on SQLite and on the database that several boxes share."""

from __future__ import annotations

import sqlite3

from gatewayd.store.engine.connection import Connection

_OWNED_ON_SQLITE = (
    "SELECT s.name FROM sqlite_schema s JOIN pragma_table_info(s.name) c"
    " WHERE s.type = 'table' AND c.name = 'message_id'"
)
_OWNED_WHEN_SHARED = (
    "SELECT table_name FROM information_schema.columns"
    " WHERE table_schema = current_schema() AND column_name = 'message_id'"
)

# A transaction that is open now may have drawn a lower id than the newest one that is seen. Once all transactions have ended
# that were open when an id was the newest, no lower one can come. (A transaction has its number before it draws an id,
# because it locks the company first.)
_SETTLE = (
    "UPDATE message_horizon SET settled = newest, newest = (SELECT coalesce(max(id), 0) FROM messages),"
    " open_until = CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint)"
    " WHERE open_until <= CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)"
)


def is_shared(db: Connection) -> bool:
    """Whether a connection leads to the database that several boxes share."""
    return not isinstance(db, sqlite3.Connection)


def tables_of_messages(db: Connection) -> list[str]:
    """The tables whose rows belong to a message, without `messages`."""
    found = db.execute(_OWNED_WHEN_SHARED if is_shared(db) else _OWNED_ON_SQLITE).fetchall()
    return [row[0] for row in found]


def settled_messages(db: Connection, newest: int) -> int:
    """An id up to which no message is still to come. `newest`: the highest id that is seen. Within a transaction."""
    if not is_shared(db):
        return newest
    db.execute(_SETTLE)
    settled: int = db.execute("SELECT settled FROM message_horizon").fetchone()[0]
    return settled
