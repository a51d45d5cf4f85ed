"""The style sheet, script and libraries of the pages. Their addresses change with their contents, so a browser keeps them for ever."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from pathlib import Path

from flask import Response, request

from api.documentation.static_files import StaticFile

_FOLDER = Path(__file__).parent / "static"
_MIMES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@cache
def _file(name: str) -> StaticFile:
    """A file of the folder. Raises KeyError where it has none of this name, or not for browsers."""
    path = _FOLDER / name
    if path.parent != _FOLDER or path.suffix not in _MIMES or not path.is_file():
        raise KeyError(name)
    return StaticFile(gzip.compress(path.read_bytes(), mtime=0), _MIMES[path.suffix])


@cache
def address_of(name: str) -> str:
    """The address of a file, with a digest of its contents. Raises KeyError."""
    return f"/static/{name}?{hashlib.sha256(_file(name).compressed).hexdigest()[:12]}"


def answer(name: str) -> Response:
    """The answer to a request for a file. Raises KeyError."""
    response = _file(name).response(request)
    if request.query_string:
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response
