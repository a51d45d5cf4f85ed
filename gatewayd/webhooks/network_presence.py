"""Whether the box has a network of its own: without one, a failed delivery says nothing about its receiver."""

from __future__ import annotations

import fcntl
import socket
import struct
from pathlib import Path
from typing import Final

# From linux/sockios.h and linux/if.h.
_SIOCGIFFLAGS: Final = 0x8913
_SIOCGIFADDR: Final = 0x8915
_UP_AND_RUNNING: Final = 0x1 | 0x40  # IFF_UP, and IFF_RUNNING: the cable is in, or the Wi-Fi is joined
_LOOPBACK: Final = 0x8

_IPV6_ADDRESSES: Final = Path("/proc/net/if_inet6")
_GLOBAL: Final = "00"  # the scope of an address there


def has_network() -> bool:
    """Whether an interface other than loopback is connected and has an address. True where it cannot be told."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            names = [name for _, name in socket.if_nameindex()]
            return any(_connected(probe, name) and _has_address(probe, name) for name in names)
    except OSError:
        return True


def _connected(probe: socket.socket, name: str) -> bool:
    try:
        answer = fcntl.ioctl(probe, _SIOCGIFFLAGS, _request(name))
    except OSError:  # the interface has just gone
        return False
    flags: int = struct.unpack_from("H", answer, 16)[0]
    return flags & (_UP_AND_RUNNING | _LOOPBACK) == _UP_AND_RUNNING


def _has_address(probe: socket.socket, name: str) -> bool:
    try:
        fcntl.ioctl(probe, _SIOCGIFADDR, _request(name))
    except OSError:  # no IPv4 address
        return _has_ipv6(name)
    return True


def _has_ipv6(name: str) -> bool:
    try:
        lines = _IPV6_ADDRESSES.read_text(encoding="ascii").splitlines()
    except OSError:  # no IPv6 in this kernel
        return False
    return any(fields[3] == _GLOBAL and fields[5] == name for fields in map(str.split, lines))


def _request(name: str) -> bytes:
    """A `struct ifreq` with the name of an interface."""
    return struct.pack("16s24x", name.encode())
