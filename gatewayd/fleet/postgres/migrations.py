"""The schema of the shared database, as migrations. A released migration is never edited; a change is a new one below it.

Boxes of neighbouring versions share one database, so a change that an older program does not understand is made in two
steps: first a migration that both understand; then, in a later release, one that takes the old form away. Each migration
tells the oldest schema version for which a program may have been written that still works with it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from config.language.text import Text
from gatewayd.fleet.postgres import tables
from gatewayd.fleet.postgres.connection import Connection
from gatewayd.fleet.postgres.errors import TooNewError, TooOldError
from gatewayd.fleet.postgres.protocol_tables import PROTOCOL_TABLES
from gatewayd.fleet.postgres.settings import SCHEMA


@dataclass(frozen=True, slots=True)
class Migration:
    """A change of the schema. Programs for schemas before `needs_at_least` no longer work with the result."""

    version: int
    needs_at_least: int
    script: str


MIGRATIONS: Final = (
    Migration(
        1,
        1,
        PROTOCOL_TABLES
        + tables.FUNCTIONS
        + tables.ACCOUNTS
        + tables.SIMS
        + tables.MESSAGES
        + tables.TEXTS
        + tables.EVENTS
        + tables.JOINING
        + tables.TRIGGERS,
    ),
    # server: in which the box took its epoch; a program that does not know of it leaves that of an older epoch. Empty where another
    # box told that it had a higher one before.
    # base_epoch: the highest epoch that its file knew of when it first joined there.
    # restored_id: while recovering, the newest message of the backup; forgot: 1 where the box does not know what it sent since.
    Migration(
        2,
        1,
        "ALTER TABLE boxes ADD COLUMN server text, ADD COLUMN server_epoch bigint, ADD COLUMN base_epoch bigint, ADD COLUMN restored_id bigint,"
        " ADD COLUMN forgot bigint NOT NULL DEFAULT 0;",
    ),
)

VERSION: Final = MIGRATIONS[-1].version
"""The schema for which this program is written."""

_LOCK: Final = "SELECT pg_advisory_xact_lock(1735357799, 2)"


def migrate(db: Connection) -> list[int]:
    """Bring the database to this program's schema, as the owner of it; the versions that were applied now.

    Raises TooOldError where the database needs a newer program.
    """
    with db.transaction():
        db.execute(_LOCK)
        db.run_script(
            f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}; REVOKE ALL ON SCHEMA {SCHEMA} FROM PUBLIC;"
            f" CREATE TABLE IF NOT EXISTS {SCHEMA}.schema_versions"
            " (version bigint PRIMARY KEY, applied_at bigint NOT NULL, needs_at_least bigint NOT NULL)"
        )
    applied: list[int] = []
    for migration in MIGRATIONS:
        with db.transaction():
            db.execute(_LOCK)
            present, needed = _versions(db)
            if needed > VERSION:
                raise _too_old()
            if present >= migration.version:
                continue
            db.run_script("SET LOCAL statement_timeout = 0")  # an index of a large table takes long
            db.run_script(migration.script)
            db.execute(
                "INSERT INTO schema_versions (version, applied_at, needs_at_least) VALUES (?, ?, ?)",
                (migration.version, time.time_ns() // 1000, migration.needs_at_least),
            )
            applied.append(migration.version)
    return applied


def check_version(db: Connection) -> None:
    """Raise TooOldError or TooNewError where this program must not work with the database as it is."""
    exists = db.execute("SELECT to_regclass(:table) IS NOT NULL", {"table": f"{SCHEMA}.schema_versions"})
    if not next(iter(exists))[0]:
        raise TooNewError(Text("the database has no tables of gatewayd: gatewayd fleet init makes them"))
    present, needed = _versions(db)
    if present < VERSION:
        raise TooNewError(
            Text(
                "the database has the schema {present}, this gatewayd needs {version}: run gatewayd fleet init with this version"
                " once, which brings it there",
                present=present,
                version=VERSION,
            )
        )
    if needed > VERSION:
        raise _too_old()


def _versions(db: Connection) -> tuple[int, int]:
    """The newest schema that the database has, and the oldest one that a program must know."""
    found = db.execute(
        "SELECT coalesce(max(version), 0), coalesce(max(needs_at_least), 0) FROM schema_versions"
    )
    row = next(iter(found))
    return row[0], row[1]


def _too_old() -> TooOldError:
    return TooOldError(
        Text(
            "the database was made for newer versions of gatewayd: install the version of the other boxes here too"
        )
    )
