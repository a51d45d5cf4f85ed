"""The address of the dashboard, as the installer prints it."""

from __future__ import annotations

import fcntl
import socket
import struct
from collections.abc import Sequence

from config.settings import Address

_SIOCGIFADDR = 0x8915  # netdevice(7): the IPv4 address of an interface
_ANYWHERE = ("*", "::", "0.0.0.0")  # noqa: S104 - compared, not listened on
_THIS_BOX = ("127.", "::1", "localhost")

# TEST-NET-1 (RFC 5737). No packet goes there: connecting a datagram socket only chooses the interface.
_ELSEWHERE = ("192.0.2.1", 9)


def dashboard_url(addresses: Sequence[Address]) -> str:
    """The URL of the dashboard as a browser in the local network opens it, or as one on this box if only that can."""
    reachable = [address for address in addresses if not address.host.startswith(_THIS_BOX)]
    chosen = (reachable or list(addresses))[0]
    if chosen.host in _ANYWHERE:
        chosen = Address(lan_address() or socket.gethostname(), chosen.port)
    return f"http://{chosen}/"


def lan_address() -> str | None:
    """The IPv4 address of the interface with the default route, else of the first one that has an address; None if none has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError:  # no default route: a network without a router
            return _first_interface_address(probe)
        host: str = probe.getsockname()[0]
        return host


def _first_interface_address(probe: socket.socket) -> str | None:
    for _, name in socket.if_nameindex():
        try:
            answer = fcntl.ioctl(probe, _SIOCGIFADDR, struct.pack("256s", name.encode()))
        except OSError:  # this interface has no IPv4 address
            continue
        host = socket.inet_ntoa(answer[20:24])
        if not host.startswith(_THIS_BOX):
            return host
    return None
