"""What is in SQLite's log, as the index of the log says (https://www.sqlite.org/walformat.html)."""

from __future__ import annotations

import sys
from pathlib import Path

HEADER, FRAME_HEADER = 32, 24  # octets at the beginning of the log, and before each page in it
_LAST_FRAME, _COPIED = 16, 96  # where the index has them, as numbers of four octets


def frames(database: Path) -> int:
    """How many pages were written to the log since it was begun anew."""
    return _number(database, _LAST_FRAME)


def uncopied(database: Path) -> int:
    """How many of them are not in the database yet."""
    return frames(database) - _number(database, _COPIED)


def _number(database: Path, at: int) -> int:
    index = database.with_name(database.name + "-shm").read_bytes()
    return int.from_bytes(index[at : at + 4], sys.byteorder)
