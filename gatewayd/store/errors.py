"""Why the store could not keep or find something."""

from __future__ import annotations

import sqlite3


class StoreUnavailableError(Exception):
    """Nothing can be kept durably just now: the disk is full, read-only, failing, or too slow."""


class StoreLockedError(Exception):
    """Another gatewayd holds this store."""


class StoreVersionError(Exception):
    """The database was written by a newer gatewayd than this one."""


# Primary result codes (https://www.sqlite.org/rescode.html) that speak of the disk or the file, not of our SQL.
_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOTADB,
    }
)


def unavailable(error: BaseException) -> bool:
    """Whether an error of SQLite's means that the store cannot be used, rather than a fault in the program."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.Error) and code is not None and code & 0xFF in _UNAVAILABLE
