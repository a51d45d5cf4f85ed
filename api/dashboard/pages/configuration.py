"""The configuration as the daemon runs with it: each setting with its default and reason, and the faults of the file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from flask import Blueprint, request
from werkzeug.wrappers import Response

from api.dashboard.guard import allowed
from api.dashboard.rendering import page
from config.language.text import Text
from config.reference import reference
from config.settings import ConfigError, Settings, load
from gatewayd.accounts.persons import Role
from gatewayd.support import blanking

_LISTS = ("ports", "balance")


@dataclass(frozen=True, slots=True)
class Row:
    """A setting as it is shown. `changed`: it differs from the default; `waiting`: from the file, until a restart."""

    key: str
    value: str
    default: str
    reason: Text
    changed: bool
    waiting: bool


def pages(settings: Settings, path: Path | None) -> Blueprint:
    """The page of the configuration. `settings`: those that the daemon runs with; `path`: their file, if it is known."""
    blueprint = Blueprint("configuration", __name__)

    @blueprint.get("/configuration")
    @allowed(Role.OWNER, Role.OPERATOR)
    def configuration() -> Response:
        on_disk, faults = file_now(path)
        differs = [] if on_disk is None else differences(settings, on_disk)
        only_changed = "changed" in request.args
        return page(
            "configuration.html",
            path=path,
            faults=faults,
            differs=differs,
            sections=sections(settings, set(differs), only_changed=only_changed),
            lists={name: entries(settings, name) for name in _LISTS},
            only_changed=only_changed,
        )

    return blueprint


def file_now(path: Path | None) -> tuple[Settings | None, list[str]]:
    """The settings of the file as it is now, or None and its faults."""
    if path is None:
        return None, []
    try:
        return load(path), []
    except ConfigError as error:
        return None, str(error).splitlines()


def differences(running: Settings, on_disk: Settings) -> list[str]:
    """The names of the settings that a restart would change."""
    return [
        f"{section}.{key}" if section not in _LISTS else section
        for section in Settings.model_fields
        for key in _changed_keys(getattr(running, section), getattr(on_disk, section))
    ]


def _changed_keys(running: Any, on_disk: Any) -> list[str]:
    if isinstance(running, tuple):
        return [] if running == on_disk else [""]
    return [key for key in type(running).model_fields if getattr(running, key) != getattr(on_disk, key)]


def sections(settings: Settings, waiting: set[str], *, only_changed: bool) -> list[tuple[str, list[Row]]]:
    """The settings by section, without those of lists."""
    found = []
    for section, members in groupby(reference(), key=lambda each: each.section):
        table, _, inner = section.partition(".")
        model, plain = getattr(settings, table), type(getattr(settings, table))()
        rows = []
        for setting in members:
            key = inner or setting.key
            changed = getattr(model, key) != getattr(plain, key)
            if changed or not only_changed:
                rows.append(
                    Row(
                        setting.key,
                        _readable(blanking.shown(table, key, getattr(model, key))),
                        setting.default,
                        setting.reason,
                        changed,
                        f"{table}.{key}" in waiting,
                    )
                )
        if rows:
            found.append((section, rows))
    return found


def entries(settings: Settings, section: str) -> list[dict[str, str]]:
    """The entries of a list, such as [[ports]], with the keys that they set."""
    return [
        {
            key: _readable(blanking.shown(section, key, getattr(entry, key)))
            for key in type(entry).model_fields
            if key in entry.model_fields_set
        }
        for entry in getattr(settings, section)
    ]


def _readable(value: Any) -> str:
    """A value as a person writes it in the file."""
    if isinstance(value, dict):
        return ", ".join(f"{name} = {_readable(list(each))}" for name, each in value.items())
    if hasattr(value, "pattern"):
        return str(value.pattern)
    if isinstance(value, bool | int | float | list | str):
        return json.dumps(value, ensure_ascii=False, default=str)
    return "–" if value is None else json.dumps(str(value), ensure_ascii=False)
