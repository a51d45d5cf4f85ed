"""Connections to a database of the tests, as a box makes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gatewayd.fleet.postgres.connection import Connection, connect
from gatewayd.fleet.postgres.settings import ConnectionSettings
from tests.fleet.databases import Database


def settings_of(dsn: str, folder: Path, name: str = "a", **times: float) -> ConnectionSettings:
    """The settings for a DSN of the tests, whose password goes into a file."""
    given = conninfo_to_dict(dsn)
    password = given.pop("password", None)
    file: Path | None = None
    if password is not None:
        file = folder / f"password-{name}"
        file.write_text(f"{password}\n", encoding="utf-8")
    return ConnectionSettings(make_conninfo("", **given), name, password_file=file, **times)  # type: ignore[arg-type]


@contextmanager
def box_connection(database: Database, folder: Path, name: str = "a") -> Iterator[Connection]:
    """A connection with the rights of a box."""
    connection = connect(settings_of(database.dsn, folder, name))
    try:
        yield connection
    finally:
        connection.close()
