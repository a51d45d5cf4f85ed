"""Proposes a pattern for the answer to a balance code: the words before each number become its context. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from gatewayd.sims.balance_text import DATE, Reading, plain, read

_CURRENCY: Final = r"(?:F ?\.?CFA|FCFA|CFA|XOF|XAF|GNF|MRU|GHS|NGN|francs?\b|F\b)"
_UNIT: Final = r"(?:SMS|textos?\b|messages?\b|unit[ée]s?\b|units?\b)"
_NUMBER: Final = r"[0-9][0-9 .,]*?"

_AMOUNT = re.compile(rf"(?<![0-9.,])(?P<value>{_NUMBER}) *{_CURRENCY}", re.IGNORECASE)
_UNITS = re.compile(rf"(?<![0-9.,/-])(?P<value>[0-9][0-9 ]*?) *{_UNIT}", re.IGNORECASE)
_END = re.compile(rf"(?<![0-9.,/-])(?P<value>{DATE})", re.IGNORECASE)

# The words of a balance without a currency, and of the sentence that tells the main balance.
_BALANCE = r"solde|balance|cr[ée]dits?"
_BARE_AMOUNT = re.compile(
    rf"(?:{_BALANCE})[^0-9\n]{{0,40}}?(?P<value>[0-9](?:[0-9 .,]*[0-9])?)", re.IGNORECASE
)
_NEAR_BALANCE = re.compile(rf"(?:{_BALANCE})[^0-9\n]{{0,40}}$", re.IGNORECASE)

# The words before a number: up to two, without digits, on its own line.
_WORDS = re.compile(r"(?:[^\s0-9]+ +)?[^\s0-9]+(?= *$)")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A pattern, and what it reads in the answer that it was made from."""

    pattern: str
    reading: Reading


@dataclass(frozen=True, slots=True)
class _Piece:
    name: str  # of the group
    start: int
    end: int  # where what follows the value ends
    value: str  # the regular expression of the value
    behind: str  # and of what follows it


def propose(text: str) -> Proposal | None:
    """A pattern for answers like this one; None: it has no amount and no number of texts."""
    text = plain(text)
    pieces = sorted(_pieces(text), key=lambda piece: piece.start)
    if not pieces:
        return None
    pattern = "(?is)" + _expression(text, 0, pieces[0])
    for before, piece in pairwise(pieces):  # a bundle that is over is often not told at all
        pattern += rf"(?:.*?{_expression(text, before.end, piece)})?"
    reading = read(text, re.compile(pattern))
    return None if reading is None else Proposal(pattern, reading)


def _pieces(text: str) -> list[_Piece]:
    found: list[_Piece] = []
    amounts = list(_AMOUNT.finditer(text))
    near = [match for match in amounts if _NEAR_BALANCE.search(text[: match.start("value")])]
    money = next(iter(near or amounts), None)
    units = _UNITS.search(text)
    if money is not None:
        found.append(_Piece("amount", money.start("value"), money.end(), _NUMBER, rf" *{_CURRENCY}"))
    if units is not None:
        found.append(_Piece("units", units.start("value"), units.end(), "[0-9][0-9 ]*?", rf" *{_UNIT}"))
    if not found:
        bare = _BARE_AMOUNT.search(text)
        if bare is None:
            return []
        found.append(_Piece("amount", bare.start("value"), bare.end(), r"[0-9](?:[0-9 .,]*[0-9])?", ""))
    # A date before all numbers is that of the answer.
    end = _END.search(text, min(piece.start for piece in found) + 1)
    if end is not None:
        found.append(_Piece("end", end.start("value"), end.end(), DATE, ""))
    return found


def _expression(text: str, after: int, piece: _Piece) -> str:
    """The expression of a piece and of the words before it, of those after a place in the text."""
    before = text[after : piece.start].rpartition("\n")[2]
    words = _WORDS.search(before)
    context = "" if words is None else " +".join(map(re.escape, words[0].split())) + " *"
    return rf"{context}(?P<{piece.name}>{piece.value}){piece.behind}"
