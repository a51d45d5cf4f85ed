"""Errors of the shared database. No text of them quotes a value: messages and numbers must not enter logs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import psycopg

from config.language.text import Text
from gatewayd.store.engine import errors
from gatewayd.store.engine.errors import StoreUnavailableError


class PostgresSettingsError(Exception):
    """The settings of the connection cannot be used; the text says how to correct them."""


class PostgresAwayError(StoreUnavailableError):
    """PostgreSQL cannot be reached, or the connection to it broke. Nothing is kept of an open transaction."""


class CommitUnknownError(PostgresAwayError, errors.CommitUnknownError):
    """The connection broke during a COMMIT: its transaction was kept, or it was not."""


class PostgresSlowError(StoreUnavailableError):
    """A statement or a lock took too long. Nothing is kept of the transaction."""


class PostgresFullError(StoreUnavailableError):
    """PostgreSQL has no room: its disk is full, or it has no connections left."""


class PostgresRefusedError(StoreUnavailableError):
    """PostgreSQL refuses this box: its password, its TLS, or its rights."""


class PostgresConflictError(StoreUnavailableError):
    """A transaction lost against others (serialisation or deadlock) and may be run again."""


class PostgresFaultError(Exception):
    """A statement that PostgreSQL does not take: a fault of the program, or a value that it cannot store.

    `sqlstate`: the code of the error; None: it never came to PostgreSQL.
    """

    def __init__(self, text: str, sqlstate: str | None = None) -> None:
        super().__init__(text)
        self.sqlstate = sqlstate


class PostgresConstraintError(PostgresFaultError):
    """A row breaks a constraint, whose name is in the text."""


class TooOldError(StoreUnavailableError):
    """The database was made for newer programs than this one."""


class TooNewError(StoreUnavailableError):
    """The database was made for older programs than this one."""


# SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html), whole or its class.
_MEANINGS: Final[tuple[tuple[frozenset[str], Callable[[str], Exception]], ...]] = (
    (
        frozenset({"40001", "40P01"}),
        lambda reason: PostgresConflictError(
            Text("PostgreSQL ended the transaction in favour of others: {reason}", reason=reason)
        ),
    ),
    (
        frozenset({"57014", "55P03", "25P03", "25P04"}),
        lambda reason: PostgresSlowError(Text("PostgreSQL is too slow: {reason}", reason=reason)),
    ),
    (
        frozenset({"08", "57P01", "57P02", "57P03", "57P04", "57P05", "25006"}),
        lambda reason: PostgresAwayError(Text("PostgreSQL is away: {reason}", reason=reason)),
    ),
    (
        frozenset({"28", "42501", "3D000"}),
        lambda reason: PostgresRefusedError(Text("PostgreSQL refuses this box: {reason}", reason=reason)),
    ),
    (
        frozenset({"53", "58", "XX"}),
        lambda reason: PostgresFullError(Text("PostgreSQL cannot store: {reason}", reason=reason)),
    ),
)


def translated(error: psycopg.Error, *, connecting: bool = False) -> Exception:
    """The error of this module that an error of psycopg means. `connecting`: there was no connection yet."""
    code = error.sqlstate
    if code is None:
        return _without_code(error, connecting=connecting)
    if code[:2] in ("22", "23"):
        return _about_values(error, code)
    for codes, error_of in _MEANINGS:
        if code in codes or code[:2] in codes:
            return error_of(error.diag.message_primary or type(error).__name__)
    return PostgresFaultError(f"PostgreSQL does not take a statement: {error.diag.message_primary}", code)


def _about_values(error: psycopg.Error, code: str) -> PostgresFaultError:
    """An error whose own text quotes values."""
    kind, diagnosis = type(error).__name__, error.diag
    if code[:2] == "23":
        broken = diagnosis.constraint_name or diagnosis.column_name
        return PostgresConstraintError(f"{kind} of {diagnosis.table_name}: {broken}", code)
    return PostgresFaultError(f"PostgreSQL cannot take a value ({kind})", code)


def _without_code(error: psycopg.Error, *, connecting: bool) -> Exception:
    reason = " ".join(str(error).split())
    if isinstance(error, (psycopg.DataError, psycopg.ProgrammingError, psycopg.NotSupportedError)):
        return PostgresFaultError(f"psycopg does not take a statement or its values ({type(error).__name__})")
    refused = ("password", "certificate", "SSL", "no pg_hba.conf entry", "does not exist")
    if connecting and any(word in reason for word in refused):  # libpq gives these no code
        return PostgresRefusedError(Text("PostgreSQL refuses this box: {reason}", reason=reason))
    return PostgresAwayError(Text("PostgreSQL is away: {reason}", reason=reason))
