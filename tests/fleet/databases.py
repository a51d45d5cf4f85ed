"""Databases on a PostgreSQL server of the tests."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.postgres_folder import PostgresFolder

ROLE = "gatewayd"
PASSWORD = "a password with ' and \\"

_MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp makes the folders there
_MEMORY_NEEDED = 2 << 30

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """A database that belongs to the role of the boxes."""

    server: PostgresFolder
    name: str

    @property
    def dsn(self) -> str:
        """The role's connection, by TCP with its password."""
        return self.server.dsn(ROLE, self.name)

    @property
    def superuser_dsn(self) -> str:
        """The superuser's connection, through the Unix socket."""
        return self.server.dsn(dbname=self.name)

    def dsn_through(self, port: int) -> str:
        """The role's connection through a proxy at this port."""
        return self.server.dsn(ROLE, self.name, port=port)

    def psql(self, sql: str) -> str:
        """The output of statements that the superuser runs in this database."""
        return self.server.psql(sql, self.name)


@contextmanager
def temporary_server(
    *, fsync: bool = False, ssl: bool = False, address: str = "127.0.0.1"
) -> Iterator[PostgresFolder]:
    """A running server that has the role of the boxes; its folder is removed afterwards, however this process ends."""
    path = _temporary_folder(in_memory=not fsync)
    folder = PostgresFolder(path, fsync=fsync, ssl=ssl, address=address, temporary=True)
    try:
        folder.start()
        folder.create_role(ROLE, PASSWORD)
        yield folder
    finally:
        folder.remove()


@contextmanager
def copied_server(stopped: PostgresFolder) -> Iterator[PostgresFolder]:
    """A running server with the data of a stopped one, which is ten times faster than new data; removed afterwards."""
    folder = stopped.copy_to(_temporary_folder(stopped.path.parent))
    try:
        folder.start()
        yield folder
    finally:
        folder.remove()


def _temporary_folder(beside: Path | None = None, *, in_memory: bool = False) -> Path:
    """A folder that is not pytest's: only its owner may enter that one, and the server runs as another user.

    In memory, where there is enough: a new database is some 500 files, which takes a disk five times as long.
    """
    if in_memory and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _MEMORY_NEEDED:
        beside = _MEMORY
    return Path(tempfile.mkdtemp(prefix="postgres-", dir=beside))


@contextmanager
def new_database(server: PostgresFolder, template: str = "template1") -> Iterator[Database]:
    """A new database, which is dropped afterwards: an empty one, or a copy."""
    database = Database(server, f"test_{next(_numbers)}")
    server.create_database(database.name, ROLE, template)
    yield database
    if server.running:
        server.drop_database(database.name)
