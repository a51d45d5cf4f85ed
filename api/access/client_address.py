"""The address of a client: the peer's, or the address that a trusted proxy reports."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Networks = Sequence[IPv4Network | IPv6Network]

UNKNOWN = "unknown"


def parsed(text: str) -> Address | None:
    """Parse an address from a socket or a proxy, with or without brackets and port. None if it is not an address.

    An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`, RFC 4291, 2.5.5.2) becomes the IPv4 address.
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
    """The nearest address that is not a trusted proxy's. None if a trusted proxy reported something else than an address.

    `forwarded_for`: X-Forwarded-For, or "" without one. Each proxy appends the address of its peer, so the list is read from
    the right, for as long as the writer of an entry is trusted. The client may have made up the entries further left.
    """
    address = parsed(peer)
    hops = forwarded_for.split(",") if forwarded_for.strip() else []
    while address is not None and hops and within(address, trusted):
        address = parsed(hops.pop())
    return address


def arrived_by_tls(peer: str, scheme: str, forwarded_proto: str, trusted: Networks) -> bool:
    """Whether the client spoke TLS: with this server, or with the trusted proxy that says so (X-Forwarded-Proto)."""
    address = parsed(peer)
    told = forwarded_proto.rpartition(",")[2].strip().lower() == "https"
    return scheme == "https" or (told and address is not None and within(address, trusted))


def within(address: Address, networks: Networks) -> bool:
    """Whether an address is in one of the networks."""
    return any(address in network for network in networks)


def client_group(address: Address | None) -> str:
    """The name of the client for counting: an IPv4 address, or an IPv6 /64, because a subscriber has a whole /64 (RFC 6177)."""
    if address is None:
        return UNKNOWN
    if isinstance(address, IPv6Address):
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)
