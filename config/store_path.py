"""The path of the store, read from the configuration without pydantic: that takes a second to load on a small board.

For the commands that ask a running daemon and need no other setting.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

DEFAULT_STORE_PATH = Path("/var/lib/gatewayd/gatewayd.db")


def store_path(config: Path) -> Path | None:
    """The path of the store in a configuration file. None: the file or the path has a fault, which `settings.load` explains."""
    try:
        tree = tomllib.loads(config.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None
    section = tree.get("store", {})
    path = section.get("path", str(DEFAULT_STORE_PATH)) if isinstance(section, dict) else None
    if not isinstance(path, str) or "\0" in path or not Path(path).name:
        return None
    return Path(path)
