"""Above the store there is no SQL, no type of sqlite3, and no column is read by name from a row.

The fleet has SQL too: the store that boxes share and its queue, what boxes tell each other, and their set-up there.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
_WITH_SQL = (
    "gatewayd/store",
    "gatewayd/fleet/postgres",
    "gatewayd/fleet/queue",
    "gatewayd/fleet/setup",
    "gatewayd/fleet/tables.py",
)
FILES = [
    path
    for folder in ("api", "gatewayd")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not any(ROOT / place in (path, *path.parents) for place in _WITH_SQL)
]

_IMPORT = re.compile(r"^from gatewayd\.store\.engine\.connection import .*", re.MULTILINE)
_ROW_COLUMN = re.compile(r"""\brow\[["']""")
_SQL = re.compile(r"\.(execute|executemany|executescript)\(|\b(SELECT .+ FROM|INSERT INTO|DELETE FROM)\b")


def files_matching(pattern: re.Pattern[str]) -> list[str]:
    """The files above the store in which a pattern occurs."""
    return [str(path.relative_to(ROOT)) for path in FILES if pattern.search(path.read_text())]


def test_nothing_above_the_store_imports_a_connection_or_a_row() -> None:
    assert len(FILES) > 100
    assert files_matching(_IMPORT) == []


def test_nothing_above_the_store_reads_a_column_of_a_row_by_name() -> None:
    assert files_matching(_ROW_COLUMN) == []


def test_no_sql_stands_above_the_store() -> None:
    assert files_matching(_SQL) == []
