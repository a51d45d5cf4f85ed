"""Errors of the store, and which errors of SQLite mean them."""

from __future__ import annotations

import sqlite3


class StoreUnavailableError(Exception):
    """Nothing can be stored now: the disk is full, read-only, failing, or too slow."""


class CommitUnknownError(StoreUnavailableError):
    """The connection was lost while a transaction was committed: it may have been, or may still be."""


class StoreDamagedError(StoreUnavailableError):
    """The database is damaged: it is empty, cut short, or SQLite cannot read it."""


class StoreLockedError(Exception):
    """Another gatewayd holds this store."""


class StoreVersionError(Exception):
    """The database was written by a newer gatewayd than this one."""


# Primary result codes (https://www.sqlite.org/rescode.html) that are about the disk or the file, not about our SQL.
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
        sqlite3.SQLITE_PROTOCOL,  # the locks of the index of the log were not available
    }
)
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def primary_code(error: BaseException) -> int | None:
    """The primary result code of an SQLite error; None where it has none."""
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(error, sqlite3.Error) and code is not None else None


def unavailable(error: BaseException) -> bool:
    """Whether an SQLite error means that the store cannot be used, rather than a fault in the program."""
    return primary_code(error) in _UNAVAILABLE


def damage(error: BaseException) -> bool:
    """Whether an SQLite error means that the database is damaged."""
    return primary_code(error) in _DAMAGE
