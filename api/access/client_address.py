"""Whose address a request comes from: the peer's, or what a trusted proxy says of it."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Networks = Sequence[IPv4Network | IPv6Network]

UNKNOWN = "unknown"


def parsed(text: str) -> Address | None:
    """An address as a socket or a proxy writes it, with or without brackets and port; None where it is none.

    An IPv4 address in IPv6's clothes (`::ffff:192.0.2.1`, RFC 4291, 2.5.5.2) is the IPv4 address.
    """
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def client_address(peer: str, forwarded_for: str, trusted: Networks) -> Address | None:
    """The nearest address that is not a trusted proxy's; None where a trusted proxy told something else than addresses.

    `forwarded_for`: X-Forwarded-For, to which each proxy appends whom it heard; "" without one. It is read from the right, for
    as long as whoever wrote it is trusted: what stands further left is a claim of the client's own.
    """
    address = parsed(peer)
    hops = forwarded_for.split(",") if forwarded_for.strip() else []
    while address is not None and hops and within(address, trusted):
        address = parsed(hops.pop())
    return address


def within(address: Address, networks: Networks) -> bool:
    """Whether an address is in one of these networks."""
    return any(address in network for network in networks)


def neighbourhood(address: Address | None) -> str:
    """What counts as one client: an IPv4 address, an IPv6 /64, of which every address is one subscriber's (RFC 6177)."""
    if address is None:
        return UNKNOWN
    if isinstance(address, IPv6Address):
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)
