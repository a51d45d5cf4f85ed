"""One SQLite database and one PostgreSQL database, with the same calls and the same data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from gatewayd.fleet.postgres.connection import Connection as PostgresConnection
from gatewayd.store.engine.connection import SqliteConnection

# Columns that need not be equal: ids that PostgreSQL draws also where a row was there already, and random tokens.
_FREE = {("campaign_counts", "id"), ("event_eras", "token"), ("event_eras", "id")}


class Both:
    """Calls each function on both connections, in a transaction, and compares what they return."""

    def __init__(self, sqlite: SqliteConnection, postgres: PostgresConnection) -> None:
        self.sqlite = sqlite
        self.postgres = postgres

    def __call__(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """The result of a function of a connection, which is the same on both."""
        self.sqlite.execute("BEGIN")
        one = _plain(function(self.sqlite, *arguments, **options))
        self.sqlite.execute("COMMIT")
        with self.postgres.transaction():
            two = _plain(function(self.postgres, *arguments, **options))
        assert two == one, function.__name__
        assert _types(two) == _types(one), function.__name__
        return one

    def run(self, statement: str, *values: object) -> None:
        """Run a statement on both."""
        self.sqlite.execute(statement, values)
        self.postgres.execute(statement, values)

    def compare_tables(self) -> None:
        """Every table that PostgreSQL mirrors has the same rows, with values of the same types."""
        for table in self.shared_tables():
            columns = [name for name in self.columns(table) if (table, name) not in _FREE]
            listed = ", ".join(columns)
            statement = f"SELECT {listed} FROM {table}"
            one, two = (
                sorted((tuple(row) for row in db.execute(statement)), key=repr)
                for db in (self.sqlite, self.postgres)
            )
            assert _rounded(two) == _rounded(one), table

    def shared_tables(self) -> list[str]:
        """The tables that both have."""
        here = {row[0] for row in self.sqlite.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        there = self.postgres.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'gatewayd'"
        )
        return sorted(here & {row[0] for row in there})

    def columns(self, table: str) -> list[str]:
        """The columns of a table of SQLite, in their order."""
        return [row[0] for row in self.sqlite.execute("SELECT name FROM pragma_table_info(?)", (table,))]


def _plain(result: Any) -> Any:
    return list(result) if isinstance(result, Iterator) else result


def _types(result: Any) -> Any:
    """The types of all that is in a result: 1 and True are equal, but not in JSON."""
    if isinstance(result, dict):
        return sorted((repr(key), repr(_types(value))) for key, value in result.items())
    if isinstance(result, (list, tuple)):
        return [_types(each) for each in result]
    if isinstance(result, (set, frozenset)):
        return sorted(repr(_types(each)) for each in result)
    if is_dataclass(result):
        return [_types(getattr(result, each.name)) for each in fields(result)]
    return type(result)


def _rounded(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple(round(value, 6) if isinstance(value, float) else value for value in row) for row in rows]
