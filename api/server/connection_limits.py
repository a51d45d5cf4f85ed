"""Who must go where connections or memory run short: so that a few slow clients never lock out the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how much of a connection is put up with. Seconds on the monotonic clock."""

    connections: int = 500
    """Open at a time. A process has 1024 descriptors by default, a connection takes up to two."""

    idle_s: float = 120.0
    """Without a byte either way and without a request."""

    arrival_s: float = 30.0
    """For a request to arrive, and one second more for each `bytes_per_s` of it that are here: a slow mobile uplink brings
    10 kB in each."""

    bytes_per_s: int = 1024

    arriving_bytes: int = 128 << 20
    """Of requests that are not whole yet, in all, most of it in temporary files: sixty bulks of the longest messages at once."""


class Guest(Protocol):
    """A connection, as far as its claim to stay counts."""

    client: str
    """Who is counted as one (see `address.neighbourhood`)."""

    since: float
    """When the request that arrives began; where none does, when the connection last had one, or was opened."""

    moved: float
    """When a byte last came or went."""

    arriving: int
    """Bytes of a request that is not whole yet."""

    @property
    def working(self) -> bool:
        """Whether a whole request is being answered, or waits for a thread."""


G = TypeVar("G", bound=Guest)


def overdue(guest: Guest, patience: Patience, now: float) -> bool:
    """Whether a connection has had its time: nothing moves, or its request takes too long to arrive."""
    if guest.working:
        return False
    if guest.arriving and now - guest.since > patience.arrival_s + guest.arriving / patience.bytes_per_s:
        return True
    return now - guest.moved > patience.idle_s


def to_go(guests: Sequence[G], patience: Patience) -> list[G]:
    """Which connections give way, so that one more can be accepted and what arrives stays within its bounds."""
    gone: list[G] = []
    if len(guests) >= patience.connections:
        gone += _first(guests, Counter(guest.client for guest in guests))
    if sum(guest.arriving for guest in guests) > patience.arriving_bytes:
        weights: Counter[str] = Counter()
        for guest in guests:
            weights[guest.client] += guest.arriving
        gone += _first([guest for guest in guests if guest.arriving and guest not in gone], weights)
    return gone


def _first(guests: Sequence[G], weights: Counter[str]) -> list[G]:
    """Of the client who holds most, the connection that has been longest without a whole request.

    So an honest client, whose request is here within moments, goes last, even where it shares its address with the others.
    """
    free = [guest for guest in guests if not guest.working]
    if not free:
        return []
    return [min(free, key=lambda guest: (-weights[guest.client], guest.since))]
