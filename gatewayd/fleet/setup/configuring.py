"""The section [fleet] of the configuration of a box, as `join` writes it and `leave` takes it away."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from config.appending import set_keys
from config.settings import ConfigError

_SECTION: Final = "fleet"


def values(
    dsn: str, name: str, password_file: Path | None, sslrootcert: Path | None
) -> dict[str, str | None]:
    """The keys of the section, as TOML writes their values; None: the key is not needed."""
    given = {"dsn": dsn, "name": name, "password_file": password_file, "sslrootcert": sslrootcert}
    return {
        key: None if value is None else json.dumps(str(value), ensure_ascii=False)
        for key, value in given.items()
    }


NOTHING: Final[Mapping[str, str | None]] = dict.fromkeys(
    ("dsn", "name", "password_file", "sslrootcert", "prefetch_s")
)
"""Takes the whole section away."""


def shown(keys: Mapping[str, str | None]) -> str:
    """The section as a person copies it into the file."""
    lines = [f"{key} = {value}" for key, value in keys.items() if value is not None]
    return "\n".join([f"[{_SECTION}]", *lines])


def written(config: Path, keys: Mapping[str, str | None]) -> bool:
    """Write the section; False where the file cannot be changed: a person must do it."""
    try:
        set_keys(config, _SECTION, keys)
    except (OSError, ConfigError):
        return False
    return True
