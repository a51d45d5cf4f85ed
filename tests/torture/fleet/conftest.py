"""Without the library of libpq5, psycopg cannot be imported, and no box joins a fleet."""

from __future__ import annotations

from ctypes.util import find_library

collect_ignore_glob = [] if find_library("pq") else ["test_torture_fleet.py"]
