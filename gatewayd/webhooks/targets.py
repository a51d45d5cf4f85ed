"""URLs of webhooks, checked by their syntax. Where a name leads is judged at each attempt (see `judge`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import Final

from config.language.text import Text

LONGEST_URL: Final = 2000
"""Characters of a URL: more than that breaks servers and proxies."""

_LONGEST_NAME: Final = 253  # RFC 1035, 2.3.4
_PORTS: Final = {"http": 80, "https": 443}

# RFC 3986, 3: only characters that may stand in a URL, so no blank and no control character passes.
_URL: Final = re.compile(
    r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?"
    r"(/[A-Za-z0-9._~!$&'()*+,;=:@/%-]*)?(\?[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*)?",
    re.IGNORECASE,
)


class TargetError(ValueError):
    """A URL or an address must not be used. The text says why, for a person."""


@dataclass(frozen=True, slots=True)
class Target:
    """A parsed URL."""

    scheme: str  # http or https
    host: str  # a name or an address, without brackets
    port: int
    path: str  # with the query; begins with a slash

    @property
    def host_header(self) -> str:
        """The value of the Host header: the port only where it is not that of the scheme (RFC 9110, 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


@lru_cache(maxsize=256)  # the same few URLs, for each attempt
def parse(url: str) -> Target:
    """Parse the URL of a webhook. Raises TargetError."""
    if len(url) > LONGEST_URL:
        raise TargetError(Text("must have at most {count} characters", count=LONGEST_URL))
    if not url.isascii() or any(ord(character) <= 0x20 or ord(character) == 0x7F for character in url):
        raise TargetError(
            Text("must hold no blanks, no control characters and only ASCII; encode others as %XX")
        )
    if not re.match("https?://", url, re.IGNORECASE):
        raise TargetError(Text("must begin with http:// or https://"))
    if "#" in url:
        raise TargetError(Text("must have no fragment (#…), because a server never gets it"))
    if "@" in re.split("[/?]", url[url.index("//") + 2 :], maxsplit=1)[0]:
        raise TargetError(Text("must have no user name and no password"))
    found = _URL.fullmatch(url)
    if found is None:
        raise TargetError(Text("must be a URL such as https://example.com/sms-events"))
    scheme, host, port, path, query = found.groups()
    scheme = scheme.lower()
    number = int(port) if port else _PORTS[scheme]
    if not 1 <= number <= 65535:
        raise TargetError(Text("must have a port of 1 to 65535"))
    return Target(scheme, _host(host), number, (path or "/") + (query or ""))


def _host(text: str) -> str:
    if text.startswith("["):
        try:
            return str(IPv6Address(text[1:-1]))
        except AddressValueError as error:
            raise TargetError(Text("must have an IPv6 address between its brackets")) from error
    name = text.lower()
    if len(name) > _LONGEST_NAME or any(
        not 1 <= len(label) <= 63 for label in name.removesuffix(".").split(".")
    ):
        raise TargetError(Text("must name a host, such as example.com or 192.168.1.20"))
    return name
