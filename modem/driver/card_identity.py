"""The identity of a SIM: one name per SIM, whether the modem answers its ICCID, its IMSI, both or neither. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# So many readings of a SIM without the number that it is known by, until it counts as another SIM. An answer may only be
# lost; with half a minute between two readings this takes five minutes.
_LOOKS: Final = 10


@dataclass(frozen=True, slots=True)
class Card:
    """The numbers of a SIM; "" for each that the modem did not answer."""

    iccid: str = ""
    imsi: str = ""


class CardIdentities:
    """The SIMs that one port has seen, and their names.

    A name is the ICCID. It is "imsi:" and the IMSI where the modem answers no ICCID, or where an ICCID comes again with
    another IMSI: another subscriber is another SIM. It is "port:<port>/slot:<slot>" where the modem answers neither.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._names: dict[str, str] = {}  # IMSI → name
        self._last: dict[int, Card] = {}  # slot → the numbers of its SIM when it was last named
        self._looks: dict[int, int] = {}  # slot → readings in a row that did not identify the SIM

    def name(self, slot: int, card: Card) -> str | None:
        """The name of the SIM in a slot; None where it is not known yet: read the SIM again."""
        if self._unsure(slot, card) and self._looks.get(slot, 0) + 1 < _LOOKS:
            self._looks[slot] = self._looks.get(slot, 0) + 1
            return None
        self._looks.pop(slot, None)
        last = self.last(slot)
        if _agree(last, card) and not _contradict(last, card):
            card = Card(card.iccid or last.iccid, card.imsi or last.imsi)
        self._last[slot] = card
        name = self.find(card) or f"port:{self._port}/slot:{slot}"
        if card.imsi:
            self._names[card.imsi] = name
        return name

    def find(self, card: Card) -> str:
        """The name of a SIM by its numbers; "" without any."""
        if not card.iccid:
            return self._names.get(card.imsi, "") or (f"imsi:{card.imsi}" if card.imsi else "")
        others = {imsi for imsi, name in self._names.items() if name == card.iccid} - {card.imsi}
        return f"imsi:{card.imsi}" if card.imsi and others else card.iccid

    def last(self, slot: int) -> Card:
        """The numbers of the SIM that was last named in a slot."""
        return self._last.get(slot, Card())

    def is_another(self, slot: int, card: Card) -> bool:
        """Whether the SIM in a slot may be another one than the last named one there."""
        last = self.last(slot)
        return last != card and (_contradict(last, card) or not _agree(last, card))

    def _unsure(self, slot: int, card: Card) -> bool:
        """Whether this SIM has no number in common with the last one in its slot to compare."""
        last = self._last.get(slot)
        if last is None:  # the first SIM here; where others had numbers, it may only be slow
            return card == Card() and any(each != Card() for each in self._last.values())
        if last == Card() or card.imsi in self._names:
            return False
        return not (last.iccid and card.iccid) and not (last.imsi and card.imsi)


def _contradict(one: Card, other: Card) -> bool:
    return _differ(one.iccid, other.iccid) or _differ(one.imsi, other.imsi)


def _differ(one: str, other: str) -> bool:
    return bool(one and other) and one != other


def _agree(one: Card, other: Card) -> bool:
    return bool(one.iccid and one.iccid == other.iccid) or bool(one.imsi and one.imsi == other.imsi)
