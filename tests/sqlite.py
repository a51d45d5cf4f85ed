"""The SQLite connection behind one that the store lent."""

from __future__ import annotations

import sqlite3

from gatewayd.store.engine.connection import Connection


def sqlite(db: Connection) -> sqlite3.Connection:
    """The connection itself, for what only SQLite has."""
    assert isinstance(db, sqlite3.Connection)
    return db
