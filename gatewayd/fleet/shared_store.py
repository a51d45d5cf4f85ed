"""The store that all boxes of a fleet share, with the methods of the store of one box.

While PostgreSQL is away, reads go to the local store, which has this box's own messages and copies of companies, keys and
SIMs; writes raise StoreUnavailableError.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Final, TypeVar

from config.language.text import Text
from gatewayd.fleet.postgres.connection import Connection, connect
from gatewayd.fleet.postgres.errors import PostgresConflictError, PostgresSlowError
from gatewayd.fleet.postgres.migrations import check_version
from gatewayd.fleet.postgres.pool import TAKE_TIMEOUT_S, Away, Circuit, Pool
from gatewayd.fleet.postgres.settings import ConnectionSettings
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.interfaces import AnyStore, Lender

T = TypeVar("T")

_READERS: Final = 4
_LISTS: Final = 2
_WRITERS: Final = 3

WRITE_TIMEOUT_S: Final = 15.0
"""How long a caller waits for a connection and for transactions that lost against others."""

_PAUSE_S: Final = 0.02  # at most, before the second try; twice as long before the next, up to
_LONGEST_PAUSE_S: Final = 0.3


class SharedReaders:
    """Lends connections for reading: to PostgreSQL; to the local store while that is away, and not where it is only busy."""

    def __init__(self, pool: Pool, circuit: Circuit, local: Lender) -> None:
        self._pool = pool
        self._circuit = circuit
        self._local = local

    @contextmanager
    def lend(self, *, only_shared: bool = False) -> Iterator[Transaction]:
        """A connection, for as long as the block lasts. `only_shared`: never one to the local store.

        Raises StoreUnavailableError.
        """
        try:
            loan = self._pool.lend()
            connection = loan.__enter__()
        except StoreUnavailableError:
            if only_shared or self._circuit.away is None:
                raise
            with self._local.lend() as db:
                yield db
            return
        try:
            yield connection
        except BaseException as error:
            loan.__exit__(type(error), error, error.__traceback__)
            raise
        loan.__exit__(None, None, None)


class SharedStore:
    """The shared store of a fleet. `open` need not find PostgreSQL: every call looks for it again."""

    def __init__(
        self, settings: ConnectionSettings, local: AnyStore, *, busy_timeout_s: float = TAKE_TIMEOUT_S
    ) -> None:
        """`busy_timeout_s`: how long a read waits for a connection that others have."""
        self._settings = settings
        self._circuit = Circuit(self._connect)
        self._pools = tuple(
            Pool(self._circuit, number, busy_timeout_s) for number in (_READERS, _LISTS, _WRITERS)
        )
        self.readers = SharedReaders(self._pools[0], self._circuit, local.readers)
        self.lists = SharedReaders(self._pools[1], self._circuit, local.lists)
        self._in_turn = threading.Lock()  # held by a transaction that `then` belongs to, until that has run
        self._event_followers: list[Callable[[], None]] = []

    @property
    def away(self) -> Away | None:
        """Since when and why PostgreSQL cannot be used; None: the last use went well."""
        return self._circuit.away

    @property
    def away_since(self) -> float | None:
        """Since when (monotonic) PostgreSQL cannot be used; None: the last use went well."""
        away = self._circuit.away
        return None if away is None else away.since

    @property
    def looks_for_postgresql(self) -> bool:
        """Whether a caller is trying to connect while PostgreSQL is away."""
        return self._circuit.is_looking

    def connect(self) -> Connection:
        """A connection of the caller's own, which it closes: for the agent and for LISTEN. Raises StoreUnavailableError."""
        return self._circuit.connect()

    def write(
        self,
        work: Callable[[Transaction], T],
        timeout_s: float = WRITE_TIMEOUT_S,
        *,
        then: Callable[[T], None] | None = None,
    ) -> T:
        """Run `work` in one transaction (READ COMMITTED) and return its result once it is durable.

        `work` may run several times: where it lost against other transactions, again until `timeout_s` is over. `then` is called with the result after
        the commit; of this box, no other transaction that has a `then` runs between the two.

        Raises:
            CommitUnknownError: the connection broke during the COMMIT: the changes were kept, or they were not.
            StoreUnavailableError: nothing was kept.
        """
        deadline = monotonic() + timeout_s
        if then is None:
            return self._write(work, deadline)
        if not self._in_turn.acquire(timeout=max(0.0, timeout_s)):
            raise PostgresSlowError(Text("PostgreSQL is too slow: nothing was stored"))
        try:
            result = self._write(work, deadline)
            then(result)
            return result
        finally:
            self._in_turn.release()

    def take(self, work: Callable[[Transaction], T], *, then: Callable[[T], None] | None = None) -> T:
        """As `write`: whoever brings new messages is refused at once while PostgreSQL is away."""
        return self.write(work, then=then)

    def follow_events(self, told: Callable[[], None]) -> None:
        """Call `told` after each commit of this store that wrote events, and by `tell_of_events`."""
        self._event_followers.append(told)

    def tell_of_events(self) -> None:
        """Tell the followers that another box wrote events (the channel `events`). It must return quickly, and not fail."""
        for told in self._event_followers:
            told()

    def close(self) -> None:
        """Close all connections that are not lent, and those that are lent once they come back."""
        for pool in self._pools:
            pool.close()

    def _connect(self) -> Connection:
        connection = connect(self._settings)
        try:
            check_version(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _write(self, work: Callable[[Transaction], T], deadline: float) -> T:
        most_s = _PAUSE_S
        while True:
            try:
                with self._pools[2].lend(deadline - monotonic()) as connection:
                    with connection.transaction():
                        result = work(connection)
                    wrote_events = connection.take_wrote_events()
            except PostgresConflictError:
                # Those that lost together should not meet again at the same moment.
                pause = random.uniform(0.0, most_s)  # noqa: S311 - no secret
                if monotonic() + pause > deadline:
                    raise
                sleep(pause)
                most_s = min(2 * most_s, _LONGEST_PAUSE_S)
                continue
            if wrote_events:
                self.tell_of_events()
            return result
