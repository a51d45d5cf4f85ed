"""Messages in words: their status with its colour, their priority, and the reasons that the gateway keeps in both languages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from config.language.catalogue import DEFAULT
from config.language.text import Text

STATUSES: Final[Mapping[str, tuple[Text, str]]] = MappingProxyType(
    {
        "pending": (Text("pending"), "work"),
        "sent": (Text("sent"), "work"),
        "delivered": (Text("delivered"), "good"),
        "failed": (Text("failed"), "bad"),
        "cancelled": (Text("cancelled"), "off"),
    }
)
"""Each status in words, and the tone of its badge."""

PRIORITIES: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "otp": Text("urgent (codes)"),
        "normal": Text("normal"),
        "bulk": Text("bulk, after all others"),
    }
)
"""Each priority in words."""

# A remedy for the command line behind a reason; the page has a button in its place.
_COMMAND = re.compile(r"\s*\(`gatewayd [^)]*\)")


def status_of(message: Mapping[str, Any]) -> tuple[Text, str]:
    """The status of a message in words, and the tone of its badge."""
    if message["in_doubt"]:
        return Text("in doubt"), "warn"
    return STATUSES[message["status"]]


def in_one_language(reason: str | None, language: str) -> str | None:
    """One half of a reason that was kept as “English / French”. Another text stays as it is."""
    if reason is None:
        return None
    english, between, french = reason.partition(" / ")
    chosen = french if between and language != DEFAULT else english
    return _COMMAND.sub("", chosen)
