"""Decides to which addresses webhooks may connect, so that a URL of a client never reaches the box itself."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from config.language.text import Text
from gatewayd.webhooks.targets import TargetError

Address = IPv4Address | IPv6Address
Networks = Sequence[IPv4Network | IPv6Network]

# Networks of a site: RFC 1918, RFC 6598 (behind a carrier's NAT) and RFC 4193 (ULA).
_PRIVATE: Final = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)

# Reserved, and called global by `ipaddress` of some versions of Python.
_RESERVED: Final = tuple(
    map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "2001::/23", "5f00::/16"))
)

# IPv6 networks whose last 32 bits are an IPv4 address: compatible and mapped (RFC 4291, 2.5.5), translated
# (RFC 2765), NAT64 (RFC 6052).
_EMBEDDING: Final = tuple(map(ip_network, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")))
_LAST_32: Final = 0xFFFFFFFF
_BROADCAST: Final = IPv4Address("255.255.255.255")


def is_own(address: Address) -> bool:
    """Whether an address is one of this box: only those can be bound."""
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError as error:
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            return False
        raise TargetError(
            Text(
                "cannot be used: {address} cannot be told from an address of this box ({reason})",
                address=address,
                reason=error,
            )
        ) from error
    return True


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges addresses. `allowed`: private networks that every company's webhooks may use (`webhooks.allowed_networks`)."""

    allowed: Networks = ()
    own: Callable[[Address], bool] = is_own
    exempt: Networks = ()  # always permitted: only tests have receivers on the box itself

    def check(self, text: str, *, private: bool) -> None:
        """Raise TargetError if no connection may be made to this address.

        `private`: the webhook may use private networks, because an administrator made it.
        """
        address = ip_address(text.partition("%")[0])
        if _within(address, self.exempt):
            return
        meant = _embedded(address) or (address,)
        for own in {address, *meant}:
            if self.own(own):
                raise TargetError(
                    Text("must not lead to {address}, which is an address of this box", address=own)
                )
        for each in meant:
            self._check(each, private)

    def _check(self, address: Address, private: bool) -> None:
        if (nature := _forbidden(address)) is not None:
            raise TargetError(
                Text("must not lead to {address}, which is {nature}", address=address, nature=nature)
            )
        if _within(address, _PRIVATE):
            if not private and not _within(address, self.allowed):
                raise TargetError(
                    Text(
                        "must not lead to {address}, which is private; an administrator may permit its network"
                        " (webhooks.allowed_networks) or make the webhook",
                        address=address,
                    )
                )
        elif not address.is_global:
            raise TargetError(Text("must not lead to {address}, which is reserved", address=address))


def _embedded(address: Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that an IPv6 address stands for."""
    if isinstance(address, IPv4Address) or address.is_loopback or address.is_unspecified:
        return ()  # `::1` and `::` have the form of compatible addresses
    if _within(address, _EMBEDDING):
        return (IPv4Address(int(address) & _LAST_32),)
    if address.sixtofour is not None:  # RFC 3056
        return (address.sixtofour,)
    return address.teredo or ()  # RFC 4380: server and client


def _forbidden(address: Address) -> str | None:
    """The nature of an address that is forbidden whatever the settings; None: it is not forbidden."""
    for nature, is_it in (
        (Text("unspecified"), address.is_unspecified),
        (Text("loopback"), address.is_loopback),
        (Text("link-local"), address.is_link_local),
        (Text("multicast"), address.is_multicast),
        (Text("the broadcast address"), address == _BROADCAST),
        (Text("reserved"), address.is_reserved or getattr(address, "is_site_local", False)),
        (Text("reserved"), _within(address, _RESERVED)),
    ):
        if is_it:
            return nature
    return None


def _within(address: Address, networks: Networks) -> bool:
    return any(address in network for network in networks)
