"""Which card this is: the same name for the same card, whether the modem tells its ICCID, its IMSI, both or neither. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# Looks at a card that told neither number, or not the one it is known by, until it is taken for another card. The first
# looks wait for an answer that was lost; with half a minute between two of them that takes five minutes.
_LOOKS: Final = 10


@dataclass(frozen=True, slots=True)
class Card:
    """What a modem told of a card; "" where it did not tell."""

    iccid: str = ""
    imsi: str = ""


class CardIdentities:
    """The cards that one port has seen, and their names.

    A name is the ICCID. It is "imsi:" and the IMSI where the modem tells no ICCID, and where an ICCID comes again with
    another IMSI: another subscriber is another card. It is "port:<port>/slot:<slot>" where the modem tells neither.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._names: dict[str, str] = {}  # IMSI → name
        self._last: dict[int, Card] = {}  # slot → what its card told when it was last named
        self._looks: dict[int, int] = {}  # slot → looks in a row that did not tell which card this is

    def name(self, slot: int, card: Card) -> str | None:
        """The name of the card in a slot; None where it is not known yet and is to be looked at again."""
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
        """The name that a card has by its numbers; "" without any."""
        if not card.iccid:
            return self._names.get(card.imsi, "") or (f"imsi:{card.imsi}" if card.imsi else "")
        others = {imsi for imsi, name in self._names.items() if name == card.iccid} - {card.imsi}
        return f"imsi:{card.imsi}" if card.imsi and others else card.iccid

    def last(self, slot: int) -> Card:
        """What the card told that was last named in a slot."""
        return self._last.get(slot, Card())

    def is_another(self, slot: int, card: Card) -> bool:
        """Whether the card in a slot is not known to be the one that was last named there."""
        last = self.last(slot)
        return last != card and (_contradict(last, card) or not _agree(last, card))

    def _unsure(self, slot: int, card: Card) -> bool:
        """Whether nothing that this card tells can be compared with what the last one in its slot told."""
        last = self._last.get(slot)
        if last is None:  # the first card here; where others told their numbers, it may only be slow to tell
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
