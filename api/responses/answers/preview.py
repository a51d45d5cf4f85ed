"""Answers to previews, for the OpenAPI document."""

from __future__ import annotations

from typing import Literal

from api.responses.answers.envelope import Shape, Success


class Forcing(Shape):
    """A character that the GSM alphabet lacks."""

    character: str
    name: str
    """Its name in Unicode."""
    positions: list[int]
    """Its places in the text, in characters, from 0."""
    suggestion: str | None
    """The nearest text in the GSM alphabet; null where there is none."""


class PreviewSim(Shape):
    """The SIM that a send would get now."""

    id: int
    number: str
    operator: str


class Preview(Shape):
    """The result that a send would have now."""

    encoding: Literal["gsm7", "ucs2"]
    parts: int
    characters: int
    units: int
    """Septets of `gsm7`, or 16 bits of `ucs2`."""
    units_per_part: int
    units_left: int
    """The room in the last part."""
    forcing: list[Forcing]
    """The characters that force UCS-2."""
    suggested_message: str | None
    """The text with every suggestion; null unless it takes fewer parts."""
    suggested_parts: int | None
    cost: float | None
    sim: PreviewSim | None
    refusal: str | None
    """The error code that a send would get now."""


class PreviewAnswer(Success):
    """The result that a send would have now."""

    data: Preview
