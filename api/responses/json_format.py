"""How times and documents are written in answers, and what goes with each."""

from __future__ import annotations

import json
from typing import overload

from gatewayd.timekeeping.clock import iso

HEADERS = {
    "Cache-Control": "no-store",  # answers hold messages and numbers
    "X-Content-Type-Options": "nosniff",
    # Nothing here is a page; a browser that is led here shall run, frame and pass on nothing.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
"""What goes with every answer."""

# Made once: the functions of the json module make one for each call that is not the default.
_readable = json.JSONEncoder(ensure_ascii=False)
_escaped = json.JSONEncoder(ensure_ascii=True)


@overload
def timestamp(microseconds: int) -> str: ...
@overload
def timestamp(microseconds: int | None) -> str | None: ...
def timestamp(microseconds: int | None) -> str | None:
    """Microseconds since the epoch as ISO 8601 in UTC, with six decimals and `Z`."""
    return None if microseconds is None else iso(microseconds)


def document(content: object) -> str:
    """Content as JSON that can be written in UTF-8.

    What a client sent is given back as sent, and may hold half a surrogate pair, which UTF-8 cannot say: then
    everything beyond ASCII is escaped.
    """
    text = _readable.encode(content)
    try:
        text.encode()
    except UnicodeEncodeError:
        return _escaped.encode(content)
    return text
