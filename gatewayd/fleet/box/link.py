"""The connection of an agent to PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gatewayd.fleet.postgres.connection import Connection, connect
from gatewayd.fleet.postgres.settings import ConnectionSettings
from gatewayd.store import Transaction

Connect = Callable[[ConnectionSettings], Connection]


class Link:
    """One connection, made when it is needed. One thread uses it. All methods raise the errors of `postgres.errors`."""

    def __init__(self, settings: ConnectionSettings, make: Connect = connect) -> None:
        self._settings = settings
        self._make = make
        self._connection: Connection | None = None

    @property
    def is_up(self) -> bool:
        """Whether there is a connection that has not broken, as far as it is known."""
        return self._connection is not None and not self._connection.is_broken

    def open(self) -> Connection:
        """The connection, which is made if there is none."""
        connection = self._connection
        if connection is None or connection.is_broken:
            self.close()
            connection = self._connection = self._make(self._settings)
        return connection

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Commit what the block did, or nothing of it."""
        with self.open().transaction() as db:
            yield db

    def close(self) -> None:
        """Close the connection. What was asked and not answered may be done, or not."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
