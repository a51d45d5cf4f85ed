"""Resolves host names in bounded time: `getaddrinfo` itself has no time limit."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final

from gatewayd.webhooks.targets import TargetError

Lookup = Callable[[str, int], list[str]]
"""From a name and a port to its addresses. It may block, and raise OSError or UnicodeError."""

# Look-ups that run at the same time. Where a name server is dead, each lasts for up to half a minute.
_MOST: Final = 32


def system_lookup(host: str, port: int) -> list[str]:
    """The addresses of a name, as the system resolves it (hosts file, DNS)."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Resolver:
    """Runs each look-up on its own thread, and stops waiting at a deadline."""

    def __init__(self, lookup: Lookup = system_lookup, most: int = _MOST) -> None:
        self._lookup = lookup
        self._places = threading.BoundedSemaphore(most)

    def addresses(self, host: str, port: int, timeout_s: float) -> list[str]:
        """The addresses of a host, at least one. An address stands for itself. Raises TargetError."""
        try:
            return [str(ip_address(host))]
        except ValueError:
            pass  # a name
        if not self._places.acquire(blocking=False):
            raise TargetError(f"leads to {host}, which cannot be resolved: too many names are being resolved")
        answer: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()
        thread = threading.Thread(
            target=self._run, args=(host, port, answer), name="webhook-resolver", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:  # no more threads can be started
            self._places.release()
            raise TargetError(f"leads to {host}, which cannot be resolved: {error}") from error
        try:
            found = answer.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            raise TargetError(f"leads to {host}, which was not resolved in time") from None
        if isinstance(found, Exception) or not found:
            raise TargetError(f"leads to {host}, which cannot be resolved: {found or 'no address'}")
        return found

    def _run(self, host: str, port: int, answer: queue.SimpleQueue[list[str] | Exception]) -> None:
        try:
            answer.put(self._lookup(host, port))
        except (OSError, UnicodeError) as error:
            answer.put(error)
        finally:
            self._places.release()
