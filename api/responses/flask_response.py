"""Flask's response for a JSON document, with all headers from the beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response
from werkzeug.datastructures import Headers

from api.responses.json_format import JSON_HEADERS
from api.responses.response import JsonResponse

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class ApiResponse(Response):
    """A response whose headers need no correction before they are sent: its body has a known length, and it has no Location."""

    def __init__(self, reply: JsonResponse) -> None:
        headers = Headers(JSON_HEADERS)
        headers.extend(reply.headers)
        super().__init__(reply.body.encode(), reply.status, headers)

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        """The headers themselves, instead of a corrected copy."""
        return self.headers
