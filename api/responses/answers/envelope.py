"""The envelope of answers, and the types that they share, for the OpenAPI document. The tests compare every shape with the real answers, field by field."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Time = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$",
        json_schema_extra={"format": "date-time"},
    ),
]
"""A time in UTC, ISO 8601 with six decimals and `Z`."""

TaskId = Annotated[str, Field(pattern=r"^[0-9]{14}$")]


class Shape(BaseModel):
    """The shape of a JSON object. The text under a field is its description in the document."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Success(Shape):
    """The envelope of a success."""

    success: Literal[True]


class Page(Success):
    """The envelope of a list."""

    next_cursor: int | None
    """The `cursor` of the next page; null at the end."""
