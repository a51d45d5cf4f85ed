"""Opens the listening sockets for the configured addresses."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from config.settings import Address

_BACKLOG = 1024  # connections that wait to be accepted, as in a burst of clients after a restart

_PORT_TRIES = 16  # attempts to find a port that is free in both families, for port 0

# The box does not have this address or address family.
_MISSING = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)


class ListenError(Exception):
    """Listening on an address failed. The text has the address and the reason; `errno` is None if a name has no address."""

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
        detail = "" if where == str(address) else f" ({where})"
        super().__init__(f"cannot listen on {address}{detail}: {why}")
        self.address = address
        self.where = where  # the resolved address that failed
        self.errno = None if isinstance(error, socket.gaierror) else error.errno


@dataclass(frozen=True, slots=True)
class _SocketAddress:
    """A socket address with its family."""

    family: socket.AddressFamily
    sockaddr: tuple[str, int] | tuple[str, int, int, int]

    @property
    def text(self) -> str:
        return str(Address(self.sockaddr[0], self.sockaddr[1]))

    @property
    def is_wildcard(self) -> bool:
        return self.sockaddr[0] in ("0.0.0.0", "::")  # noqa: S104 - only compared


def open_listeners(addresses: Sequence[Address]) -> list[socket.socket]:
    """Listen on each address: for `*` and `[::]` on IPv4 and IPv6, for a name on all its addresses.

    Of a name's addresses, those that this box does not have are left out. Port 0 means a free port, the same for all socket
    addresses of one address. Raises ListenError; then no socket is open.
    """
    resolved = [(address, _resolve(address)) for address in addresses]
    wildcards = {
        (candidate.family, candidate.sockaddr[1])
        for _, candidates in resolved
        for candidate in candidates
        if candidate.is_wildcard
    }
    seen: set[_SocketAddress] = set()
    opened: list[socket.socket] = []
    try:
        for address, candidates in resolved:
            chosen = [
                candidate
                for candidate in candidates
                if candidate not in seen
                and (
                    candidate.is_wildcard
                    or not address.port
                    or (candidate.family, address.port) not in wildcards
                )
            ]
            seen |= set(chosen) if address.port else set()
            if chosen:
                opened += _open_all(address, chosen)
    except BaseException:
        for listener in opened:
            listener.close()
        raise
    return opened


def _resolve(address: Address) -> list[_SocketAddress]:
    """The socket addresses of an address. If there are several, the box need not have all of them."""
    host, port = address
    v4, v6 = socket.AF_INET, socket.AF_INET6
    if host.lower() == "localhost":  # both families, whatever /etc/hosts has (RFC 6761, 6.3)
        return [_SocketAddress(v4, ("127.0.0.1", port)), _SocketAddress(v6, ("::1", port, 0, 0))]
    literal = _literal(host)
    if host == "*" or (isinstance(literal, IPv6Address) and literal.is_unspecified):
        return [_SocketAddress(v4, ("0.0.0.0", port)), _SocketAddress(v6, ("::", port, 0, 0))]  # noqa: S104 - as configured
    if isinstance(literal, IPv6Address) and literal.ipv4_mapped is not None:
        return [_SocketAddress(v4, (str(literal.ipv4_mapped), port))]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ListenError(address, str(address), error) from error
    candidates = [
        _SocketAddress(family, sockaddr)  # type: ignore[arg-type]  # the type is for all families
        for family, _, _, _, sockaddr in found
        if family in (v4, v6)
    ]
    return list(dict.fromkeys(candidates))


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _open_all(address: Address, candidates: Sequence[_SocketAddress]) -> list[socket.socket]:
    """Listen on all socket addresses with one port. Raises ListenError."""
    for _ in range(_PORT_TRIES):
        opened: list[socket.socket] = []
        missing: ListenError | None = None
        try:
            for candidate in candidates:
                port = opened[0].getsockname()[1] if opened else address.port
                try:
                    opened.append(_open(candidate, port))
                except OSError as error:
                    missing = ListenError(address, candidate.text, error)
                    if len(candidates) == 1 or error.errno not in _MISSING:
                        raise missing from error
            if not opened and missing is not None:
                raise missing
        except ListenError as error:
            for listener in opened:
                listener.close()
            if address.port == 0 and opened and error.errno == errno.EADDRINUSE:
                continue  # the port is free in one family only
            raise
        return opened
    raise ListenError(address, str(address), OSError(errno.EADDRINUSE, "no port is free in both families"))


def _open(candidate: _SocketAddress, port: int) -> socket.socket:
    listener = socket.socket(candidate.family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if candidate.family == socket.AF_INET6:  # IPv4 has its own socket
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((candidate.sockaddr[0], port, *candidate.sockaddr[2:]))
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener
