"""The translation of statements: everything stays as it is, but for the marks and the few words that differ."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.fleet.postgres.dialect import translate
from gatewayd.fleet.postgres.errors import PostgresFaultError

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize(
    ("statement", "translated"),
    [
        ("SELECT a FROM t WHERE b = ? AND c = '?'", "SELECT a FROM t WHERE b = %s AND c = '?'"),
        ("SELECT :one, ':two', x::text, :one", "SELECT %(one)s, ':two', x::text, %(one)s"),
        ("SELECT a % 2, '50 %' -- 9 %\n", "SELECT a %% 2, '50 %%' -- 9 %%\n"),
        ("FROM parts p INDEXED BY parts_open WHERE 1 = 1", "FROM parts p   WHERE 1 = 1"),
        ("a LIKE ? ESCAPE '\\'", "a ILIKE %s ESCAPE '\\'"),
        ("SELECT 'it''s LIKE :x', \"LIKE\"", "SELECT 'it''s LIKE :x', \"LIKE\""),
        ("SELECT value FROM json_each(?)", "SELECT value FROM numbers_of_json(%s)"),
        ("a IS NOT NULL AND b IS NOT DISTINCT FROM ?", "a IS NOT NULL AND b IS NOT DISTINCT FROM %s"),
        ("(a = :x OR :x IS NULL)", "(a = %(x)s OR %(x)s IS NULL)"),
        ("SELECT unnest(:ids::bigint[])", "SELECT unnest(%(ids)s::bigint[])"),
    ],
)
def test_statements(statement: str, translated: str) -> None:
    assert re.sub(r"\s+", " ", translate(statement)) == re.sub(r"\s+", " ", translated)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT ? = :a",
        "INSERT OR REPLACE INTO t VALUES (?)",
        "INSERT OR IGNORE INTO t VALUES (?)",
        "REPLACE INTO t VALUES (?)",
        "INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 1",
        "SELECT a IS ?",
        "SELECT a IS NOT :b",
        "SELECT a IS b",
        "SELECT CAST(a AS INTEGER)",
        "SELECT :a IS NULL OR b = :a",
        "SELECT a FROM t WHERE a GLOB 'x'",
        "PRAGMA user_version",
        "SELECT rowid FROM t",
        "SELECT ?1",
        "SELECT E'x'",
        "SELECT x'00'",
        "SELECT $1",
        "SELECT 'open",
        "SELECT `a`",
        "SELECT {}",
        "SELECT a[1:2]",
    ],
)
def test_what_would_mean_something_else_is_refused(statement: str) -> None:
    with pytest.raises(PostgresFaultError):
        translate(statement)


PIECES = st.one_of(
    st.sampled_from(["SELECT", "a", "FROM", "t", "WHERE", "AND", "=", "(", ")", ",", "1", "2.5", "::text", "\n", "-- c ? :d 'e\n", "/* ? */"]),
    st.text(alphabet="ab?:%'\"\\é ", max_size=8).map(lambda text: "'" + text.replace("'", "''") + "'"),
    st.text(alphabet="ab?:% ", max_size=8).map(lambda text: f'"{text}"'),
)  # fmt: skip


@given(st.lists(st.tuples(PIECES, st.sampled_from(["", "?"]))))
def test_only_marks_outside_of_texts_and_comments_are_replaced(pieces: list[tuple[str, str]]) -> None:
    """With the marks of psycopg filled in again, the statement is as before."""
    statement = " ".join(f"{piece} {mark}" for piece, mark in pieces)
    marks = ["?" for _, mark in pieces if mark]
    assert translate(statement) % tuple(marks) == statement


@given(st.text())
def test_any_text_is_translated_or_refused(text: str) -> None:
    with suppress(PostgresFaultError):
        assert isinstance(translate(text), str)
