"""The parts of the OpenAPI document that depend on the settings of the box."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.requests.schema_marks import Setting
from config.settings import Settings

RECIPIENT = "+22370123456"
"""The recipient in examples. Another numbering plan replaces it by a number of its own."""


@dataclass(frozen=True, slots=True)
class Values:
    """The values that the settings of a box put into the document."""

    keywords: Mapping[Setting, Mapping[str, Any]]  # setting → keywords of JSON schema
    recipient: str  # an example, E.164


def values_of(settings: Settings) -> Values:
    """The values of the settings of a box."""
    numbers = settings.numbers
    example = f"+{numbers.country_code}{numbers.chosen.numbering.example}"
    # A pattern must match the whole recipient, and `pattern` of JSON schema searches. Without one the plan decides, which is no pattern.
    pattern = {} if numbers.pattern is None else {"pattern": f"^(?:{numbers.pattern.pattern})$"}
    return Values(
        {
            "recipient": {**pattern, "examples": [example]},
            "bulk_max": {
                "minItems": 1,
                "maxItems": settings.api.bulk_max,
                "items": {"$ref": "#/components/schemas/MessageBody"},
            },
        },
        example,
    )


def with_settings(node: Any, values: Values) -> Any:
    """A copy of a document with the values of the settings."""
    match node:
        case list():
            return [with_settings(each, values) for each in node]
        case {"x-setting": setting, **rest}:
            return {**with_settings(rest, values), **values.keywords[setting]}
        case dict():
            return {key: with_settings(value, values) for key, value in node.items()}
        case _:
            return values.recipient if node == RECIPIENT else node
