"""Marks of JSON schemas that depend on the settings of the box. `api/documentation/settings.py` puts the values in."""

from __future__ import annotations

from typing import Literal

from pydantic.types import JsonValue

Setting = Literal["recipient", "bulk_max"]


def marked(setting: Setting) -> dict[str, JsonValue]:
    """The keyword that marks a schema."""
    return {"x-setting": setting}
