"""Lists of a table that may have a million rows, read by windows of ids: no single read lasts long."""

from __future__ import annotations

from collections.abc import Callable

from gatewayd.store.engine.connection import Connection, Row

# Rows in a window: some ten milliseconds on a small board where the filter fits none of them. A read transaction keeps
# SQLite from emptying its log, so that it must be short; each window is a transaction of its own.
WINDOW = 10_000


def newest_first(
    db: Connection,
    table: str,
    before_id: int | None,
    limit: int,
    find: Callable[[int, int, int], list[Row]],
) -> list[Row]:
    """The newest `limit` rows of a table with an id below `before_id` that `find` selects.

    `find` takes the window (from this id, below that id) and a limit, and returns rows with the highest id first.
    """
    row = db.execute(f"SELECT (SELECT min(id) FROM {table}), (SELECT max(id) FROM {table})").fetchone()
    if row[0] is None:
        return []
    lowest, end = row[0], row[1] + 1
    if before_id is not None:
        end = min(before_id, end)
    found: list[Row] = []
    while end > lowest and len(found) < limit:
        first = max(lowest, end - WINDOW)
        found += find(first, end, limit - len(found))
        # Ids of a fleet lie far above those of its boxes: the gap between them is one step.
        below = db.execute(f"SELECT max(id) FROM {table} WHERE id < ?", (first,)).fetchone()[0]
        end = lowest if below is None else below + 1
    return found
