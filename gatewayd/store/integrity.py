"""Checks at start: whether the file is an undamaged database of gatewayd."""

from __future__ import annotations

import functools
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database

from config.language.text import Text
from gatewayd.store.engine.connection import SqliteConnection
from gatewayd.store.engine.disk import reserve_path
from gatewayd.store.engine.errors import StoreDamagedError, StoreUnavailableError
from gatewayd.store.migrations import migrations

# A database up to this size is checked as a whole at each start: a second or two on an SD card. Of a larger one only
# the smaller tables are checked at start; each backup checks it as a whole.
_WHOLE_BYTES = 64 << 20
_LARGE_TABLES = frozenset(
    {"messages", "parts", "refusals", "attempts", "inbox", "inbound_seen", "idempotency"}
)

# A power cut in the first start may leave only these.
_MADE_FIRST = {"_sqlite_migrations", "idx__sqlite_migrations_migration_set_name"}

_MAGIC = b"SQLite format 3\0"  # how a database file begins (sqlite.org/fileformat.html, 1.3)

_OBJECTS = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'index') AND name NOT LIKE 'sqlite_%'"
_COLUMNS = "SELECT s.name || '.' || c.name FROM sqlite_schema s JOIN pragma_table_info(s.name) c WHERE s.type = 'table'"


def check_file(path: Path) -> None:
    """Raise StoreDamagedError if the database is missing or empty, and existed before."""
    if path.exists() and path.stat().st_size:
        return
    log = path.with_name(path.name + "-wal")
    has_log = log.exists() and log.stat().st_size > 0
    if has_log or reserve_path(path).exists():
        raise StoreDamagedError(
            Text(
                "{path} is {missing}, and it had data before: put a backup in its place. To begin anew with nothing, remove {name}* from {parent}",
                path=path,
                missing=Text("empty") if path.exists() else Text("missing"),
                name=path.name,
                parent=path.parent,
            )
        )


def require_database(path: Path) -> None:
    """Raise StoreUnavailableError if a file is no database of gatewayd. Makes no file."""
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except (FileNotFoundError, NotADirectoryError):
        head = b""
    except OSError as error:
        raise StoreUnavailableError(
            Text("{path} cannot be read: {reason}", path=path, reason=error.strerror or str(error))
        ) from error
    if not head and _was_begun(path):
        return  # `check_file` raises an error with the remedy
    if not head:
        raise StoreUnavailableError(
            Text(
                "no gatewayd is running on this store, and there is no database {path}: is store.path right? The first `gatewayd run` makes it",
                path=path,
            )
        )
    if head != _MAGIC and not _was_begun(path):
        raise StoreUnavailableError(Text("{path} is no database: is store.path right?", path=path))
    _require_ours(path)


def _was_begun(path: Path) -> bool:
    """Whether there was a store, by the files beside the database."""
    return reserve_path(path).exists() or path.with_name(path.name + "-wal").exists()


def _require_ours(path: Path) -> None:
    try:
        # The log does not matter here, and to read it SQLite would make a file beside it.
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as db:
            check_owner(db)
    except (sqlite3.Error, UnicodeDecodeError):
        return  # it is damaged: opening it raises an error with the remedy


def check_owner(db: SqliteConnection) -> None:
    """Raise StoreUnavailableError if the database belongs to another program."""
    names = {row[0] for row in db.execute(_OBJECTS)}
    if names - _MADE_FIRST and not (
        "_sqlite_migrations" in names
        and db.execute("SELECT 1 FROM _sqlite_migrations WHERE migration_set = 'gatewayd'").fetchone()
    ):
        raise StoreUnavailableError(
            Text("it is a database of another program: set store.path to another file")
        )


def check_whole(db: SqliteConnection, size: int) -> None:
    """Raise StoreDamagedError if a migrated database is damaged or lacks a table, an index or a column.

    Uses SQLite's quick check, which does not compare indexes with their tables.
    """
    expected, columns = expected_schema()
    there = {row[0] for row in (*db.execute(_OBJECTS), *db.execute(_COLUMNS))}
    missing = (expected | columns) - there
    if missing:
        raise StoreDamagedError(Text("it lacks {names}", names=", ".join(sorted(missing))))
    if size <= _WHOLE_BYTES:
        faults(db, "quick_check")
        return
    for table in sorted(expected - _LARGE_TABLES):
        if db.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", (table,)).fetchone():
            faults(db, f"quick_check({table})")


@functools.cache
def expected_schema() -> tuple[frozenset[str], frozenset[str]]:
    """The names of the tables and indexes, and of the columns, that a migrated database has.

    Kept, because all migrations are run for it: that is half of the CPU time of opening an empty store.
    """
    with Database(memory=True) as model:
        migrations.apply(model)
        return (
            frozenset(row[0] for row in model.execute(_OBJECTS)),
            frozenset(row[0] for row in model.execute(_COLUMNS)),
        )


def faults(db: SqliteConnection, check: str) -> None:
    """Run one of SQLite's checks. Raises StoreDamagedError if it finds a fault."""
    try:
        found = [row[0] for row in db.execute(f"PRAGMA {check}")]
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise StoreDamagedError(str(error)) from error
    if found != ["ok"]:
        raise StoreDamagedError(found[0].splitlines()[-1] if found else "the check says nothing")
