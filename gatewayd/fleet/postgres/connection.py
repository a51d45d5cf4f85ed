"""A connection to PostgreSQL with the methods of a connection to SQLite that `gatewayd/store/tables/` uses."""

from __future__ import annotations

import re
import select
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from time import monotonic
from typing import Any, Final, TypeVar

import psycopg
from psycopg import pq
from psycopg.abc import Buffer, PQGen
from psycopg.adapt import Loader
from psycopg.rows import no_result
from psycopg.types.numeric import Int8Dumper

from config.language.text import Text
from gatewayd.fleet.postgres.dialect import translate
from gatewayd.fleet.postgres.errors import (
    CommitUnknownError,
    PostgresAwayError,
    PostgresFaultError,
    translated,
)
from gatewayd.fleet.postgres.settings import ConnectionSettings

RV = TypeVar("RV")


_EVENTS: Final = "INTO events"

# Rows that one INSERT takes: one statement of many rows costs far less than many, and its triggers run once.
_ROWS_AT_ONCE: Final = 50
_INSERT: Final = re.compile(r"(INSERT INTO [^()]+(?:\([^()]*\) )?VALUES )(\(%s(?:, %s)*\))")


class Row(tuple[Any, ...]):
    """A row; its columns are found by place and by name, as in SQLite's."""

    __slots__ = ()
    _places: Mapping[str, int] = {}

    def __getitem__(self, key: Any) -> Any:
        return tuple.__getitem__(self, self._places[key] if isinstance(key, str) else key)

    def keys(self) -> list[str]:
        """The names of the columns."""
        return list(self._places)


class _IntOfBool(Loader):
    """SQLite has no type for truth: a comparison is 1 or 0."""

    def load(self, data: Buffer) -> int:
        return int(bytes(data) == b"t")


class _NumberOfNumeric(Loader):
    """A sum of whole numbers is one too; it has another type on PostgreSQL only."""

    def load(self, data: Buffer) -> int | float:
        text = bytes(data)
        return int(text) if text.lstrip(b"-").isdigit() else float(text)


class _Waiting(psycopg.Connection[Any]):
    """A connection that waits for no answer longer than `answer_s`, also where the other machine stands still."""

    answer_s = 15.0

    def wait(self, gen: PQGen[RV], *_: Any, **__: Any) -> RV:
        """Run what psycopg wants to do on the socket, until it is done or the time is over."""
        deadline = monotonic() + self.answer_s
        poll = select.poll()
        socket, watched = self.pgconn.socket, 0
        try:
            state = next(gen)
            while True:
                wanted = (select.POLLIN if state & 1 else 0) | (select.POLLOUT if state & 2 else 0)
                if wanted != watched:
                    poll.register(socket, wanted)
                    watched = wanted
                found = poll.poll(max(0.0, deadline - monotonic()) * 1000)
                if not found:
                    self.pgconn.finish()
                    raise psycopg.OperationalError("it does not answer")
                event = found[0][1]
                ready = (1 if event & ~select.POLLOUT else 0) | (2 if event & ~select.POLLIN else 0)
                state = gen.send(ready & state)
        except StopIteration as ended:
            result: RV = ended.value
            return result
        except psycopg.Error:
            raise
        except BaseException:  # the thread is interrupted: nobody will read the answer
            self.pgconn.finish()
            raise


class Connection:
    """One connection to the shared database. One thread at a time uses it.

    Each statement outside `transaction` is a transaction of its own. All methods raise the errors of `errors.py`.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._heard: list[str] = []
        self._wrote_events = False
        connection.add_notify_handler(lambda notice: self._heard.append(notice.channel))

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = (), /) -> psycopg.Cursor[Any]:
        """Run one statement, in the words that both engines know (see `dialect`)."""
        values = _values(parameters)
        self._wrote_events |= _EVENTS in sql
        with self._translating():
            cursor = self._connection.cursor()
            cursor.execute(translate(sql), values)
            return cursor

    def executemany(
        self, sql: str, parameters: Iterable[Sequence[Any] | Mapping[str, Any]], /
    ) -> psycopg.Cursor[Any]:
        """Run one statement for each set of values."""
        all_values = [_values(each) for each in parameters]
        self._wrote_events |= _EVENTS in sql
        statement = translate(sql)
        many = _of_many(statement)
        with self._translating():
            cursor = self._connection.cursor()
            while many is not None and len(all_values) >= _ROWS_AT_ONCE:
                cursor.execute(many, [value for row in all_values[:_ROWS_AT_ONCE] for value in row])
                del all_values[:_ROWS_AT_ONCE]
            if len(all_values) == 1:
                cursor.execute(statement, all_values[0])
            elif all_values:
                cursor.executemany(statement, all_values)
            return cursor

    def run_script(self, script: str) -> None:
        """Run statements of PostgreSQL as they are, without values."""
        with self._translating():
            self._connection.execute(script)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Commit what the block did; nothing of it where the block raises. The first statement begins the transaction.

        Raises:
            CommitUnknownError: the connection broke during the COMMIT.
        """
        with self._translating():
            self._connection.autocommit = False
        try:
            yield self
        except BaseException:
            self._roll_back()
            raise
        else:
            self._commit()
        finally:
            if not self.is_broken:
                self._connection.autocommit = True

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what the block did where it raises, within a transaction; the transaction goes on."""
        self.run_script("SAVEPOINT part")
        try:
            yield
        except BaseException:
            if not self.is_broken:
                self.run_script("ROLLBACK TO part; RELEASE part")
            raise
        self.run_script("RELEASE part")

    @property
    def is_broken(self) -> bool:
        """Whether the connection ended: it must be closed, and a new one made."""
        return self._connection.closed or self._connection.pgconn.status != pq.ConnStatus.OK

    @property
    def is_usable(self) -> bool:
        """Whether nothing tells that an idle connection has ended: PostgreSQL says nothing to one unless it ends it."""
        if self.is_broken or not self.is_idle:
            return False
        poll = select.poll()
        poll.register(self._connection.pgconn.socket, select.POLLIN)
        return not poll.poll(0)

    def take_wrote_events(self) -> bool:
        """Whether events were written since the last call, and not rolled back."""
        wrote, self._wrote_events = self._wrote_events, False
        return wrote

    @property
    def is_idle(self) -> bool:
        """Whether no transaction is open."""
        return self._connection.pgconn.transaction_status == pq.TransactionStatus.IDLE

    @property
    def server_version(self) -> int:
        """The version of PostgreSQL, such as 150004."""
        return self._connection.pgconn.server_version

    def listen(self, channel: str) -> None:
        """Be told of NOTIFY on a channel, until the connection ends."""
        if not channel.isidentifier():
            raise ValueError(channel)
        self.run_script(f"LISTEN {channel}")

    def wait_for_notices(self, timeout_s: float) -> list[str]:
        """The channels of the notices that came since the last call; waits for one. Empty: none came in time."""
        deadline = monotonic() + timeout_s
        connection = self._connection.pgconn
        poll = select.poll()
        with self._translating():
            if not self.is_broken:
                poll.register(connection.socket, select.POLLIN)
            while not self._heard and not self.is_broken:
                self._take_notices(connection)
                left = deadline - monotonic()
                if self._heard or left <= 0:
                    break
                if poll.poll(left * 1000):
                    connection.consume_input()
                    self._take_notices(connection)
            if self.is_broken:
                raise psycopg.OperationalError("the connection was lost")
        heard, self._heard = self._heard, []
        return heard

    def close(self) -> None:
        """Close the connection, broken or not."""
        self._connection.close()

    def _take_notices(self, connection: pq.abc.PGconn) -> None:
        while (notice := connection.notifies()) is not None:
            self._heard.append(notice.relname.decode())

    def _commit(self) -> None:
        if self._connection.pgconn.transaction_status == pq.TransactionStatus.INERROR:
            self._roll_back()
            raise PostgresFaultError("a transaction went on after an error, and was rolled back")
        try:
            with self._translating():
                self._connection.commit()
        except PostgresAwayError as error:
            raise CommitUnknownError(
                Text("the connection to PostgreSQL broke during a commit, which was kept or not")
            ) from error

    def _roll_back(self) -> None:
        """Roll back; where that fails, close the connection, which does the same."""
        self._wrote_events = False
        try:
            if not self.is_broken:
                self._connection.rollback()
        except psycopg.Error:
            self._connection.close()

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            # Without its cause: the text of psycopg's error quotes values.
            raise translated(error) from None


def connect(settings: ConnectionSettings) -> Connection:
    """A new connection.

    Raises:
        PostgresSettingsError: the settings cannot be used.
        PostgresRefusedError: PostgreSQL refuses the password, the TLS or the database.
        PostgresAwayError: nobody answers.
    """
    try:
        connection = _Waiting.connect(
            **settings.parameters(),  # type: ignore[arg-type]
            autocommit=True,
            row_factory=_rows,
        )
    except psycopg.Error as error:
        raise translated(error, connecting=True) from None
    connection.answer_s = settings.answer_s
    adapters = connection.adapters
    adapters.register_dumper(int, Int8Dumper)
    adapters.register_loader("bool", _IntOfBool)
    adapters.register_loader("numeric", _NumberOfNumeric)
    return Connection(connection)


def _rows(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], Any]:
    result = cursor.pgresult
    if result is None or not result.nfields:
        return no_result
    return _row_class(tuple(result.fname(each) for each in range(result.nfields)))


@lru_cache(maxsize=1024)
def _row_class(names: tuple[bytes | None, ...]) -> type[Row]:
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        places.setdefault((name or b"").decode(), place)
    return type("Row", (Row,), {"_places": places, "__slots__": ()})


@lru_cache(maxsize=256)
def _of_many(statement: str) -> str | None:
    """An INSERT of one row as one of `_ROWS_AT_ONCE` rows; None: the statement is another one."""
    found = _INSERT.fullmatch(statement)
    return None if found is None else found[1] + ", ".join([found[2]] * _ROWS_AT_ONCE)


def _values(parameters: Sequence[Any] | Mapping[str, Any]) -> list[Any] | dict[str, Any]:
    if isinstance(parameters, Mapping):
        return {name: _value(value) for name, value in parameters.items()}
    return [_value(value) for value in parameters]


def _value(value: Any) -> Any:
    """A value as PostgreSQL takes it: truth as 1 or 0, no members of enumerations, no NUL in texts."""
    kind = type(value)
    if value is None or kind is int or kind is float or kind is bytes:
        return value
    if isinstance(value, str):
        text = value if kind is str else str.__str__(value)
        return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (list, tuple)):
        return [_value(each) for each in value]
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    raise PostgresFaultError(f"a value of the type {kind.__name__} cannot be stored")
