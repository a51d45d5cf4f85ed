"""Lists of what may be a million rows, read a stretch at a time: no read lasts long, whatever is looked for."""

from __future__ import annotations

from collections.abc import Callable

from gatewayd.store.engine.connection import Connection, Row
from gatewayd.store.engine.readers import Readers

# Ids in a stretch: some ten milliseconds on a small board, where nothing of it is wanted.
_STRETCH = 10_000


def newest_first(
    readers: Readers,
    table: str,
    before_id: int | None,
    limit: int,
    find: Callable[[Connection, int, int, int], list[Row]],
) -> list[Row]:
    """The first `limit` rows of a table below an id that `find` finds, given a stretch (from, below) and a limit.

    Raises StoreUnavailableError.
    """
    with readers.lend() as db:
        newest: int = db.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]
    below = newest + 1 if before_id is None else min(before_id, newest + 1)
    found: list[Row] = []
    while below > 1 and len(found) < limit:
        start = max(1, below - _STRETCH)
        with readers.lend() as db:
            found += find(db, start, below, limit - len(found))
        below = start
    return found
