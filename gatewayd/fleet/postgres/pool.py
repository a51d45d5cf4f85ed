"""A few connections to the shared database, each lent to one thread at a time. No call waits longer than its deadline."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Final

from config.language.text import Text, text_of
from gatewayd.fleet.postgres.connection import Connection
from gatewayd.fleet.postgres.errors import (
    PostgresAwayError,
    PostgresRefusedError,
    PostgresSettingsError,
    PostgresSlowError,
)
from gatewayd.store.engine.errors import StoreUnavailableError

CLOSED_S: Final = 1.0
"""After a connection that could not be made, further callers fail at once for so long."""

TAKE_TIMEOUT_S: Final = 5.0
"""How long a caller waits for a connection that others have."""

_CLOSE_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Away:
    """Why, and since when (monotonic), the database cannot be used."""

    since: float
    reason: str


class Circuit:
    """The knowledge of the database that all pools of a box share. While it is away, one thread at a time tries; others fail at once."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._mutex = threading.Lock()  # guards the attributes below
        self._away: Away | None = None
        self._closed_until = 0.0
        self._trying = False

    @property
    def away(self) -> Away | None:
        """None: the last use of the database went well."""
        return self._away

    @property
    def is_looking(self) -> bool:
        """Whether a caller is trying to connect while the database is away."""
        return self._trying

    def connect(self) -> Connection:
        """A new connection. Raises StoreUnavailableError, at once where another caller has just failed or is trying."""
        with self._mutex:
            if self._away is not None:
                if self._trying or monotonic() < self._closed_until:
                    raise PostgresAwayError(self._away.reason)
                self._trying = True
        try:
            connection = self._made()
        except StoreUnavailableError as error:
            self.lost(error, closed_s=CLOSED_S)
            raise
        finally:
            with self._mutex:
                self._trying = False
        with self._mutex:
            self._away = None
        return connection

    def lost(self, error: BaseException, closed_s: float = 0.0) -> None:
        """Note that the database could not be used."""
        now = monotonic()
        with self._mutex:
            self._away = Away(now if self._away is None else self._away.since, text_of(error))
            self._closed_until = max(self._closed_until, now + closed_s)

    def _made(self) -> Connection:
        try:
            return self._connect()
        except PostgresSettingsError as error:  # the file of the password is gone
            raise PostgresRefusedError(text_of(error)) from error


class Pool:
    """At most `connections` connections, made at first use."""

    def __init__(self, circuit: Circuit, connections: int, take_timeout_s: float = TAKE_TIMEOUT_S) -> None:
        self._circuit = circuit
        self._connections = connections
        self._take_timeout_s = take_timeout_s
        self._closed = False
        self._idle: queue.LifoQueue[Connection | None] = queue.LifoQueue()
        for _ in range(connections):
            self._idle.put(None)

    @contextmanager
    def lend(self, timeout_s: float | None = None) -> Iterator[Connection]:
        """A connection without an open transaction, for as long as the block lasts.

        Raises StoreUnavailableError: the database is away, every connection is busy, or the pool is closed.
        """
        connection = self.take(self._take_timeout_s if timeout_s is None else timeout_s)
        try:
            yield connection
        except PostgresAwayError as error:
            self._circuit.lost(error)
            raise
        finally:
            self.give_back(connection)

    def take(self, timeout_s: float) -> Connection:
        """A connection, which must be given back. Raises as `lend`."""
        if self._closed:
            raise PostgresAwayError(Text("the store is closed"))
        try:
            connection = self._idle.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            raise PostgresSlowError(Text("all connections to PostgreSQL are busy")) from None
        try:
            # While the database is away, connections that were idle then are not trusted.
            if connection is not None and (self._circuit.away is not None or not connection.is_usable):
                connection.close()
                connection = None
            if connection is None:
                connection = self._circuit.connect()
        except BaseException:
            self._idle.put(None)
            raise
        return connection

    def give_back(self, connection: Connection) -> None:
        """End the loan of a connection; one that is broken or in a transaction is closed."""
        if self._closed or connection.is_broken or not connection.is_idle:
            connection.close()
            self._idle.put(None)
        else:
            self._idle.put(connection)

    def close(self) -> None:
        """Close the connections, and those that are lent as soon as they come back; it waits a short time for these."""
        self._closed = True
        deadline = monotonic() + _CLOSE_S
        for _ in range(self._connections):
            try:
                connection = self._idle.get(timeout=max(0.0, deadline - monotonic()))
            except queue.Empty:
                return
            if connection is not None:
                connection.close()
