"""Files that do not change while the gateway runs. They are kept compressed, and decompressed for clients without gzip."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import Request, Response

_FOLDER = Path(__file__).parent / "static"
_SCRIPT, _STYLE = "text/javascript; charset=utf-8", "text/css; charset=utf-8"

FILES: Mapping[str, tuple[str, str]] = {
    "page.js": ("page.js", _SCRIPT),
    "swagger-ui-bundle.js": ("swagger-ui-bundle.js.gz", _SCRIPT),
    "swagger-ui.css": ("swagger-ui.css.gz", _STYLE),
}
"""The files of the page: name → name in the folder, and MIME type."""

# No script and no style is inline, and nothing comes from elsewhere. The icons of Swagger UI are `data:` in its style sheet.
_PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file in memory. `policy`: its Content-Security-Policy; None: that of every response."""

    compressed: bytes
    mime: str
    policy: str | None = None

    def response(self, request: Request) -> Response:
        """The answer to a request: the file, or 304 where the client has it."""
        zipped = request.accept_encodings.quality("gzip") > 0
        response = Response(self.compressed if zipped else gzip.decompress(self.compressed), mimetype=None)
        response.headers["Content-Type"] = self.mime
        response.headers["Vary"] = "Accept-Encoding"
        # Kept by the browser and asked for each time: after an upgrade it is another one.
        response.headers["Cache-Control"] = "no-cache"
        if zipped:
            response.headers["Content-Encoding"] = "gzip"
        if self.policy is not None:
            response.headers["Content-Security-Policy"] = self.policy
        digest = hashlib.sha256(self.compressed).hexdigest()[:32]
        response.set_etag(f"{digest}-gzip" if zipped else digest)  # RFC 9110, 8.8.3.3: one for each coding
        response.make_conditional(request)
        return response


def of_text(text: str, mime: str) -> StaticFile:
    """A file with this text."""
    return StaticFile(gzip.compress(text.encode(), mtime=0), mime)


@cache
def page() -> StaticFile:
    """The page of the documentation."""
    return StaticFile(_compressed("index.html"), "text/html; charset=utf-8", _PAGE_POLICY)


@cache
def file(name: str) -> StaticFile:
    """A file of the page. Raises KeyError."""
    stored, mime = FILES[name]
    return StaticFile(_compressed(stored), mime)


def _compressed(stored: str) -> bytes:
    content = (_FOLDER / stored).read_bytes()
    return content if stored.endswith(".gz") else gzip.compress(content, mtime=0)
