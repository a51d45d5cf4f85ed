"""The message memory of a card or a modem (27.005, 3.1: the preferred message storages)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Status(IntEnum):
    """`<stat>` in PDU mode (27.005, 3.1)."""

    UNREAD = 0
    READ = 1
    UNSENT = 2
    SENT = 3


STATUS_TEXT = ("REC UNREAD", "REC READ", "STO UNSENT", "STO SENT")
ALL = 4


@dataclass(slots=True)
class Stored:
    """One message in one place. `pdu` begins with the service centre's address."""

    status: Status
    pdu: bytes
    is_report: bool = False

    @property
    def tpdu(self) -> bytes:
        """The message without the service centre's address."""
        return self.pdu[1 + self.pdu[0] :]


class Storage:
    """Numbered places, from 0, of which the lowest free one is filled next."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._places: dict[int, Stored] = {}

    @property
    def used(self) -> int:
        """How many places are taken."""
        return len(self._places)

    @property
    def full(self) -> bool:
        """Whether nothing more can be put here."""
        return len(self._places) >= self.capacity

    def put(self, message: Stored) -> int | None:
        """Keep a message; None where there is no room."""
        if self.full:
            return None
        place = next(place for place in range(self.capacity) if place not in self._places)
        self._places[place] = message
        return place

    def get(self, place: int) -> Stored | None:
        """The message in a place, None where it is empty."""
        return self._places.get(place)

    def delete(self, place: int) -> bool:
        """Empty a place; False where it was empty already."""
        return self._places.pop(place, None) is not None

    def items(self) -> list[tuple[int, Stored]]:
        """All messages in order of their places."""
        return sorted(self._places.items(), key=lambda item: item[0])
