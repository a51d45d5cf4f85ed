"""Reduce the configuration for an archive: no comments, no secrets, and only keys known to be harmless. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args

from pydantic import BaseModel, SecretStr

from config.settings import ConfigError, Settings, decode

_HIDDEN: Final = "(hidden)"
_UNKNOWN: Final = "(hidden: not a known key)"
_SECRET_NAME: Final = re.compile(r"pin|puk|secret|passw|token|key", re.IGNORECASE)
_SHORT_CODE: Final = re.compile(
    r"[*#]{1,2}[0-9]{1,3}#"
)  # a menu or a balance; longer codes may contain a PIN


def blanked(raw: bytes) -> dict[str, Any]:
    """Return the keys of a TOML file with their harmless values. Raises ValueError if it is not TOML."""
    return {
        section: _section(section, value) if section in Settings.model_fields else _UNKNOWN
        for section, value in _tree(raw).items()
    }


def secrets(raw: bytes) -> set[str]:
    """Return the values of all keys whose names suggest a secret; none if it is not TOML."""
    try:
        return set(_secrets(_tree(raw)))
    except ValueError:
        return set()


def shown(section: str, key: str, value: Any) -> Any:
    """One value of the running settings: itself, or what stands for a secret. `section`, `key`: known ones."""
    model = _model(Settings.model_fields[section].annotation)
    if model is None:
        return _HIDDEN
    listed = list(value) if isinstance(value, tuple) else value
    return None if value is None else _value(section, key, listed, model.model_fields[key].annotation)


def _tree(raw: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(decode(raw))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except ConfigError as error:
        raise ValueError(str(error)) from error


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            if _SECRET_NAME.search(key) and isinstance(each, str | int) and len(str(each)) >= 4:
                yield str(each)
            yield from _secrets(each)
    elif isinstance(value, list):
        for each in value:
            yield from _secrets(each)


def _section(section: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_section(section, each) for each in value]
    if not isinstance(value, Mapping):
        return _HIDDEN
    model = _model(Settings.model_fields[section].annotation)
    fields = model.model_fields if model is not None else {}
    return {
        key: _value(section, key, each, fields[key].annotation) if key in fields else _UNKNOWN
        for key, each in value.items()
    }


def _value(section: str, key: str, value: Any, annotation: Any) -> Any:
    if SecretStr in _types(annotation) or (_SECRET_NAME.search(key) and not isinstance(value, int | float)):
        return _HIDDEN
    if (section, key) == ("ports", "reset_command"):
        program = value[:1] if isinstance(value, list) else []
        return [*program, f"({len(value) - 1} arguments hidden)"] if program else _HIDDEN
    if section == "balance" and key in ("code", "renew_code") and not _SHORT_CODE.fullmatch(str(value)):
        return _HIDDEN
    return value


def _model(annotation: Any) -> type[BaseModel] | None:
    """The model of a section, which may be a list."""
    for kind in _types(annotation):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _types(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in get_args(annotation):
        yield from _types(inner)
