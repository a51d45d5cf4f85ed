"""The sockets that a server listens on: every address that a configured one means."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from config.settings import Address

_BACKLOG = 1024  # connections that wait to be accepted: a burst of clients after a restart

_PORT_TRIES = 16  # for a port that is free in both families, where any will do

# The box does not have this address, or not this family.
_MISSING = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)


class ListenError(Exception):
    """The address cannot be listened on. The text says which, and why; `errno` is None where a name means no address."""

    def __init__(self, address: Address, where: str, error: OSError) -> None:
        why = error.strerror or str(error)
        literal = _literal(address.host)
        if (
            error.errno == errno.EINVAL
            and literal is not None
            and literal.is_link_local
            and "%" not in address.host
        ):
            why += ": a link-local address needs its interface, as [fe80::1%eth0]:8000"
        place = "" if where == str(address) else f" ({where})"
        super().__init__(f"cannot listen on {address}{place}: {why}")
        self.address = address
        self.where = where  # the address that `address` means and that cannot be had
        self.errno = None if isinstance(error, socket.gaierror) else error.errno


@dataclass(frozen=True, slots=True)
class _Place:
    """One socket's address, as the system has it."""

    family: socket.AddressFamily
    sockaddr: tuple[str, int] | tuple[str, int, int, int]

    @property
    def told(self) -> str:
        return str(Address(self.sockaddr[0], self.sockaddr[1]))

    @property
    def everywhere(self) -> bool:
        return self.sockaddr[0] in ("0.0.0.0", "::")  # noqa: S104 - it is compared


def open_listeners(addresses: Sequence[Address]) -> list[socket.socket]:
    """Listen on each address, and on all that each means: `*` and `[::]` on IPv4 and IPv6, a name on all its addresses.

    Where a name means several, those that this box does not have are left out. Port 0: one that is free, the same for all
    that one address means. Raises ListenError; then none of them is listened on.
    """
    meant = [(address, _meant(address)) for address in addresses]
    everywhere = {
        (place.family, place.sockaddr[1]) for _, places in meant for place in places if place.everywhere
    }
    seen: set[_Place] = set()
    opened: list[socket.socket] = []
    try:
        for address, places in meant:
            wanted = [
                place
                for place in places
                if place not in seen
                and (place.everywhere or not address.port or (place.family, address.port) not in everywhere)
            ]
            seen |= set(wanted) if address.port else set()
            if wanted:
                opened += _open_all(address, wanted)
    except BaseException:
        for listener in opened:
            listener.close()
        raise
    return opened


def _meant(address: Address) -> list[_Place]:
    """What an address means; with more than one, the box need not have all of them."""
    host, port = address
    v4, v6 = socket.AF_INET, socket.AF_INET6
    if host.lower() == "localhost":  # both, whatever the box's file of names says (RFC 6761, 6.3)
        return [_Place(v4, ("127.0.0.1", port)), _Place(v6, ("::1", port, 0, 0))]
    literal = _literal(host)
    if host == "*" or (isinstance(literal, IPv6Address) and literal.is_unspecified):
        return [_Place(v4, ("0.0.0.0", port)), _Place(v6, ("::", port, 0, 0))]  # noqa: S104 - it was asked for
    if isinstance(literal, IPv6Address) and literal.ipv4_mapped is not None:
        return [_Place(v4, (str(literal.ipv4_mapped), port))]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ListenError(address, str(address), error) from error
    places = [_Place(family, sockaddr) for family, _, _, _, sockaddr in found if family in (v4, v6)]  # type: ignore[arg-type]
    return list(dict.fromkeys(places))


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _open_all(address: Address, places: Sequence[_Place]) -> list[socket.socket]:
    """Listen on all of these with one port. Raises ListenError."""
    for _ in range(_PORT_TRIES):
        opened: list[socket.socket] = []
        missing: ListenError | None = None
        try:
            for place in places:
                port = opened[0].getsockname()[1] if opened else address.port
                try:
                    opened.append(_open(place, port))
                except OSError as error:
                    missing = ListenError(address, place.told, error)
                    if len(places) == 1 or error.errno not in _MISSING:
                        raise missing from error
            if not opened and missing is not None:
                raise missing
        except ListenError as error:
            for listener in opened:
                listener.close()
            if address.port == 0 and opened and error.errno == errno.EADDRINUSE:
                continue  # the port that was free in one family is not in the other
            raise
        return opened
    raise ListenError(address, str(address), OSError(errno.EADDRINUSE, "no port is free in both families"))


def _open(place: _Place, port: int) -> socket.socket:
    listener = socket.socket(place.family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if place.family == socket.AF_INET6:  # IPv4 has a socket of its own
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((place.sockaddr[0], port, *place.sockaddr[2:]))
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener
