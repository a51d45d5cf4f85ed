"""An HTTP response with a JSON document, before it becomes Flask's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from api.responses.errors import Refusal
from api.responses.json_format import document


@dataclass(frozen=True, slots=True)
class JsonResponse:
    """HTTP status, a JSON document as text, and the headers beside `json_format.HEADERS`."""

    status: int
    body: str
    headers: Mapping[str, str] | None = None


def error_response(refusal: Refusal) -> JsonResponse:
    """The response for a refusal."""
    return JsonResponse(refusal.status, document(refusal.envelope), refusal.headers)
