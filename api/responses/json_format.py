"""The format of times and JSON documents in responses, and the headers of every response."""

from __future__ import annotations

import json

from gatewayd.messages.documents import timestamp

__all__ = ["HEADERS", "JSON_HEADERS", "MIME", "document", "timestamp"]

MIME = "application/json"

HEADERS = {
    "Cache-Control": "no-store",  # responses hold messages and phone numbers
    "X-Content-Type-Options": "nosniff",
    # No response but the documentation, which has its own policy, is a page. A browser that opens one must run no script, show no frame and send no referrer.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
"""Headers of every response, where it has no value of its own."""

JSON_HEADERS = {"Content-Type": MIME, **HEADERS}
"""Headers of every response with a JSON document."""

# Made once: json.dumps makes an encoder for each call with other options than the defaults.
_readable = json.JSONEncoder(ensure_ascii=False)
_escaped = json.JSONEncoder(ensure_ascii=True)


def document(content: object) -> str:
    """Content as JSON text that UTF-8 can encode.

    A text from a client may hold half a surrogate pair, which UTF-8 cannot encode: then all non-ASCII characters are
    escaped.
    """
    text = _readable.encode(content)
    try:
        text.encode()
    except UnicodeEncodeError:
        return _escaped.encode(content)
    return text
