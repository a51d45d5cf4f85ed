"""An answer before it is put into a response: Flask's, or what WSGI asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from werkzeug.http import HTTP_STATUS_CODES

from api.responses.errors import Refusal
from api.responses.json_format import HEADERS, document

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

MIME = "application/json"

_STATUS_LINES = {status: f"{status} {reason.upper()}" for status, reason in HTTP_STATUS_CODES.items()}
_ALWAYS = [("Content-Type", MIME), *HEADERS.items()]


@dataclass(frozen=True, slots=True)
class Reply:
    """HTTP status, a JSON document as text, and the headers that go with it beside those of every answer."""

    status: int
    body: str
    headers: Mapping[str, str] | None = None

    def send(self, start_response: StartResponse) -> list[bytes]:
        """Answer a WSGI server."""
        body = self.body.encode()
        headers = [*_ALWAYS, ("Content-Length", str(len(body)))]
        if self.headers:
            headers += self.headers.items()
        start_response(_STATUS_LINES[self.status], headers)
        return [body]


def refused(refusal: Refusal) -> Reply:
    """The reply that tells a refusal."""
    return Reply(refusal.status, document(refusal.envelope), refusal.headers)
