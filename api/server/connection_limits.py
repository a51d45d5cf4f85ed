"""Chooses which connections to close under pressure, so that a few slow clients never lock out the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of number, time and memory. Seconds count on the monotonic clock."""

    connections: int = 500
    """Open connections. A process has 1024 descriptors by default, and a connection takes up to two."""

    idle_s: float = 120.0
    """Time without a byte in either direction and without a request."""

    arrival_s: float = 30.0
    """Time for a request to arrive, plus one second for each `bytes_per_s` bytes of it that have arrived. A slow mobile
    uplink brings 10 kB in a second."""

    bytes_per_s: int = 1024

    arriving_bytes: int = 128 << 20
    """Bytes of incomplete requests on all connections, mostly in temporary files: sixty bulks of the longest messages."""


class Connection(Protocol):
    """The facts about a connection that decide whether it is closed."""

    client: str
    """The client, as `client_address.client_group` names it."""

    request_began: float
    """When the arriving request began. Without one: when the last request ended, or the connection was opened."""

    last_io: float
    """When a byte was last received or sent."""

    arriving: int
    """Received bytes of an incomplete request."""

    @property
    def working(self) -> bool:
        """Whether a complete request is being answered, or waits for a thread."""


C = TypeVar("C", bound=Connection)


def expired(connection: Connection, limits: ConnectionLimits, now: float) -> bool:
    """Whether a connection is idle for too long, or its request takes too long to arrive."""
    if connection.working:
        return False
    age_s = now - connection.request_began
    if connection.arriving and age_s > limits.arrival_s + connection.arriving / limits.bytes_per_s:
        return True
    return now - connection.last_io > limits.idle_s


def to_close(connections: Sequence[C], limits: ConnectionLimits) -> list[C]:
    """The connections to close so that one more can be accepted and arriving bytes stay within their limit."""
    chosen: list[C] = []
    if len(connections) >= limits.connections:
        chosen += _first(connections, Counter(connection.client for connection in connections))
    if sum(connection.arriving for connection in connections) > limits.arriving_bytes:
        weights: Counter[str] = Counter()
        for connection in connections:
            weights[connection.client] += connection.arriving
        arriving = [each for each in connections if each.arriving and each not in chosen]
        chosen += _first(arriving, weights)
    return chosen


def _first(connections: Sequence[C], weights: Counter[str]) -> list[C]:
    """Of the client with the largest weight, the connection that has been without a complete request for the longest time.

    The request of an honest client is complete within moments, so its connection is chosen last, even where other clients
    share its address.
    """
    free = [connection for connection in connections if not connection.working]
    if not free:
        return []
    return [min(free, key=lambda connection: (-weights[connection.client], connection.request_began))]
