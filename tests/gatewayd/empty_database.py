"""A database as a first start leaves it, copied: to make one takes 40 ms of CPU time, which thousands of tests would need."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from gatewayd.store.store import Store


def write_empty_database(path: Path) -> None:
    """Write it to `path`, unless a database is there. All copies belong to the same gateway (`store_owner`)."""
    if not path.exists():
        path.write_bytes(_empty_database())


@functools.cache
def _empty_database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gatewayd.db"
        store = Store(path)
        store.open()
        store.close()
        assert not path.with_name("gatewayd.db-wal").exists()
        return path.read_bytes()
