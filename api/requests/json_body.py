"""Reads the JSON object in a request body, and makes its fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import request

from api.responses.errors import EncodedBodyError
from gatewayd.errors import Fault, InvalidRequestError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


# First bytes of compressed data: gzip (RFC 1952, 2.3.1), Zstandard (RFC 8878, 3.1.1), and zlib (RFC 1950, 2.2) at its usual levels.
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")

# UTF-32 first: its byte order mark begins with that of UTF-16.
_WIDE = ("utf-32", "utf-32-le", "utf-32-be", "utf-16", "utf-16-le", "utf-16-be")


def body(environ: WSGIEnvironment, read: Callable[[], bytes]) -> bytes:
    """The body of a request. Raises EncodedBodyError if it is compressed, with or without Content-Encoding."""
    coding = environ.get("HTTP_CONTENT_ENCODING", "").strip()
    if coding.lower() not in ("", "identity"):
        raise EncodedBodyError(f"is encoded ({coding}); send it as it is, without Content-Encoding")
    raw = read()
    if raw.startswith(_COMPRESSED):
        raise EncodedBodyError("is compressed; send it as it is")
    return raw


def request_body() -> bytes:
    """The body of the request that is being answered (see `body`)."""
    return body(request.environ, partial(request.get_data, cache=False))


def json_object(raw: bytes) -> dict[str, Any]:
    """Parse the JSON object in the body of a request, whatever its Content-Type.

    The last of several equal names counts (RFC 8259, section 4, leaves it open). Raises InvalidRequestError, and no other
    exception for any bytes.
    """
    if not raw.strip():
        raise _fault("is empty; a JSON object was expected")
    if b"\0" in raw[:4] or raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        _refuse_wide(raw)
    try:
        text = raw.decode("utf-8-sig")  # a byte order mark may be ignored (8.1); some clients send one
    except UnicodeDecodeError as error:
        raise _fault(f"must be UTF-8 (RFC 8259, 8.1); byte {error.start} is not") from error
    try:
        content = _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise _fault(f"is not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from error
    except ValueError as error:
        raise _fault("holds a number that cannot be read: NaN, Infinity or thousands of digits") from error
    except RecursionError as error:
        raise _too_deep() from error
    if not isinstance(content, dict):
        raise _fault("must be a JSON object")
    return content


def fingerprint(endpoint: str, content: dict[str, Any]) -> bytes:
    """SHA-256 over endpoint and content: equal for two bodies with equal JSON. Raises InvalidRequestError."""
    try:
        canonical = _canonical.encode(content)
    except RecursionError as error:
        raise _too_deep() from error
    return hashlib.sha256(f"{endpoint}\n{canonical}".encode()).digest()


def _refuse_wide(raw: bytes) -> None:
    """Report UTF-16 or UTF-32 as the fault, but only if the bytes are JSON in that encoding."""
    for encoding in _WIDE:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if text.lstrip("\ufeff \t\r\n").startswith(("{", "[", '"')):
            raise _fault("must be UTF-8 (RFC 8259, 8.1), not UTF-16 or UTF-32")


def _refuse_constant(name: str) -> None:
    # RFC 8259 has no NaN and no Infinity (section 6), but Python accepts them.
    raise ValueError(name)


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


def _fault(message: str) -> InvalidRequestError:
    return InvalidRequestError([Fault("body", message)])


def _too_deep() -> InvalidRequestError:
    return _fault("is nested too deeply")
