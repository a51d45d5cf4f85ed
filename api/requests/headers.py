"""Parsers for the request headers `Prefer` (RFC 7240) and `Idempotency-Key`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_ELEMENT = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')  # up to a comma outside quotes
_PREFERENCE = re.compile(rf"\s*({_WORD})\s*(?:=\s*(?:({_WORD}|{_QUOTED})\s*)?)?(?:;|$)")
_SECONDS = re.compile(r'"?([0-9]+)"?')
_LONGEST_WAIT = 10**9  # longer waits are cut to the configured maximum anyhow

_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")
_QUOTED_KEY = re.compile(r'"((?:[^"\\]|\\["\\])*)"')


@dataclass(frozen=True, slots=True)
class Preferences:
    """The preferences in `Prefer` that this server knows."""

    respond_async: bool = False
    wait_s: int | None = None


@lru_cache(maxsize=64)  # a client sends the same header each time
def preferences(header: str) -> Preferences:
    """Parse `Prefer`: several headers joined by commas, or "". Malformed and unknown preferences are ignored (section 2)."""
    respond_async = False
    wait_s: int | None = None
    seen: set[str] = set()
    for element in _ELEMENT.findall(header):
        found = _PREFERENCE.match(element)
        if found is None:
            continue
        name, value = found[1].lower(), found[2] or ""
        if name in seen:  # only the first preference of a name counts (section 2)
            continue
        seen.add(name)
        if name == "respond-async":
            respond_async = True
        elif name == "wait" and (seconds := _SECONDS.fullmatch(value)):
            wait_s = int(seconds[1]) if len(seconds[1]) <= 9 else _LONGEST_WAIT
    return Preferences(respond_async, wait_s)


def idempotency_key(header: str) -> str:
    """Parse `Idempotency-Key`, plain or in quotes. Raises ValueError with a text for the client."""
    key = header.strip()
    if key.startswith('"'):
        quoted = _QUOTED_KEY.fullmatch(key)
        if quoted is None:
            raise ValueError("must end with the quote it begins with")
        key = re.sub(r'\\(["\\])', r"\1", quoted[1])
    if not _VISIBLE.fullmatch(key):
        raise ValueError("must be 1 to 255 visible ASCII characters, plain or in quotes")
    return key
