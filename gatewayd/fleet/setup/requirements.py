"""The libraries that a box needs beside gatewayd to reach PostgreSQL. Imports nothing of it."""

from __future__ import annotations

import ctypes.util
from importlib.util import find_spec

from config.language.text import Text


def missing() -> Text | None:
    """The missing libraries, with the commands that install them; None: none is missing."""
    if find_spec("psycopg") is None:
        return Text(
            "a fleet needs psycopg, which is not installed: the Debian package of gatewayd has it; else:"
            " pip install 'gatewayd[fleet]'"
        )
    if ctypes.util.find_library("pq") is None:
        return Text(
            "a fleet needs the library of PostgreSQL, which is not installed: sudo apt-get install libpq5"
        )
    return None
