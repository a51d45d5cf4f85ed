"""An answer before it becomes Flask's response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from api.responses.errors import Refusal
from api.responses.json_format import document

MIME = "application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """HTTP status, a JSON document as text, and the headers that go with it beside those of every answer."""

    status: int
    body: str
    headers: Mapping[str, str] | None = None


def refused(refusal: Refusal) -> Reply:
    """The reply that tells a refusal."""
    return Reply(refusal.status, document(refusal.envelope), refusal.headers)
