"""Sets of rows as single values: psycopg in pure Python spends more time on each value than PostgreSQL on a row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from gatewayd.store import Transaction

# A plan that reads a whole table is never right here: the tables grow within a second from nothing to a million rows, long before
# PostgreSQL counts them. For this transaction only.
PLAN_BY_INDEX: Final = """
    set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
    set_config('enable_mergejoin', 'off', true)
"""


def plan_by_index(db: Transaction) -> None:
    """Let the statements of this transaction find rows by indexes only. The statements of the hot path do so with their first one."""
    db.execute(f"SELECT {PLAN_BY_INDEX}").fetchall()


def as_rows(select: str) -> str:
    """A SELECT as one that `fetch` takes; `WITH` stands before it."""
    return f"SELECT coalesce(json_agg(t), '[]')::text FROM ({select}) t"


def fetch(
    db: Transaction, statement: str, values: Sequence[Any] | Mapping[str, Any] = ()
) -> list[dict[str, Any]]:
    """The rows of a statement that ends in `as_rows`, by column name."""
    found: list[dict[str, Any]] = json.loads(db.execute(statement, values).fetchone()[0])
    return found


def numbers(values: Iterable[float | None]) -> str:
    """Numbers as an array of PostgreSQL, for `?::bigint[]` and `?::double precision[]`."""
    return "{" + ",".join("NULL" if value is None else repr(value) for value in values) + "}"


def columns(rows: Iterable[tuple[Any, ...]], count: int) -> list[Any]:
    """Rows as one array for each of their columns, as `unnest` takes them. Truth stands in them as 1 and 0."""
    found = list(zip(*rows, strict=True)) or [()] * count
    return [_array(column) for column in found]


def _array(values: tuple[Any, ...]) -> Any:
    """An array of texts as psycopg writes it, else as `numbers`."""
    is_text = any(type(value) is str for value in values)
    return list(values) if is_text else numbers(values)
