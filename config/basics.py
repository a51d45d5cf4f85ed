"""The few settings that every command needs, read without pydantic: that takes a second to load on a small board."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final, NamedTuple

DEFAULT_STORE_PATH: Final = Path("/var/lib/gatewayd/gatewayd.db")
DEFAULT_TIME_ZONE: Final = "Africa/Bamako"


class Basics(NamedTuple):
    """The path of the store, the time zone of the box, and the language of its people. None: the setting has a fault."""

    store: Path | None
    time_zone: str | None
    language: str | None  # "": the environment decides


NOTHING: Final = Basics(None, None, None)
"""Of a configuration that cannot be read."""


def read(config: Path) -> Basics:
    """Read the basics from a configuration file. `settings.load` explains the faults of it."""
    try:
        tree = tomllib.loads(config.read_bytes().removeprefix(b"\xef\xbb\xbf").decode())
    except (OSError, ValueError, RecursionError):
        return NOTHING
    return Basics(
        store=_path(_value(tree, "store", "path", str(DEFAULT_STORE_PATH))),
        time_zone=_text(_value(tree, "numbers", "time_zone", DEFAULT_TIME_ZONE)),
        language=_text(_value(tree, "daemon", "language", "")),
    )


def _value(tree: dict[str, Any], section: str, key: str, default: str) -> object:
    table = tree.get(section, {})
    return table.get(key, default) if isinstance(table, dict) else None


def _path(value: object) -> Path | None:
    if not isinstance(value, str) or "\0" in value or not Path(value).name:
        return None
    return Path(value)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
