"""Frames of SQLite's log, from the index of the log (https://www.sqlite.org/walformat.html)."""

from __future__ import annotations

import sys
from pathlib import Path

HEADER, FRAME_HEADER = 32, 24  # bytes at the beginning of the log, and before each page
_LAST_FRAME, _COPIED = 16, 96  # offsets in the index, of numbers of four bytes


def frames(database: Path) -> int:
    """The number of pages written to the log since it was restarted."""
    return _number(database, _LAST_FRAME)


def uncopied(database: Path) -> int:
    """The number of these pages that are not copied into the database yet."""
    return frames(database) - _number(database, _COPIED)


def _number(database: Path, at: int) -> int:
    index = database.with_name(database.name + "-shm").read_bytes()
    return int.from_bytes(index[at : at + 4], sys.byteorder)
