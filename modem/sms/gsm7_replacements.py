"""The characters that force a text into UCS-2, and what GSM 7-bit has in their place.

A text with one character outside GSM 7-bit has room for 70 characters a part instead of 160. Most of these characters in
French texts come from word processors: typographic apostrophes, quotation marks, dashes and blanks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

from modem.sms.gsm7 import Alphabet, alphabet_for


@dataclass(frozen=True, slots=True)
class ForcingCharacter:
    """A character outside GSM 7-bit. `positions`: the index of each in the text, in code points from 0."""

    character: str  # a letter that is written with a combining mark: both code points
    name: str  # as in the Unicode character database
    positions: tuple[int, ...]
    replacement: str | None  # in GSM 7-bit; None: it has nothing that says the same


def forcing_characters(text: str) -> tuple[ForcingCharacter, ...]:
    """The characters of `text` that GSM 7-bit lacks, each once, in the order in which they first appear."""
    positions: dict[str, list[int]] = {}
    for start, cluster in _beyond_gsm7(text):
        positions.setdefault(cluster, []).append(start)
    return tuple(
        ForcingCharacter(cluster, _name(cluster), tuple(places), replacement(cluster))
        for cluster, places in positions.items()
    )


def replaced(text: str) -> str:
    """`text` with each replacement made. Characters without one stay."""
    pieces: list[str] = []
    end = 0
    for start, cluster in _beyond_gsm7(text):
        found = replacement(cluster)
        pieces += [text[end:start], cluster if found is None else found]
        end = start + len(cluster)
    return "".join([*pieces, text[end:]])


def replacement(cluster: str) -> str | None:
    """The text that GSM 7-bit has for a character outside of it, "" for what is not drawn; None: nothing that says the same."""
    composed = unicodedata.normalize("NFC", cluster)
    if _is_gsm7(composed):
        return composed
    if composed in _REPLACEMENTS:
        return _REPLACEMENTS[composed]
    if not unicodedata.category(composed[0]).startswith("L"):
        return None
    base = "".join(
        _REPLACEMENTS.get(character, character)
        for character in unicodedata.normalize("NFKD", composed)
        if not unicodedata.combining(character)
    )
    return base if base and _is_gsm7(base) else None


def _beyond_gsm7(text: str) -> Iterator[tuple[int, str]]:
    """The places and the characters outside GSM 7-bit, a letter with its combining marks as one."""
    for found in _CLUSTER.finditer(text):
        if not _is_gsm7(found[0]):
            yield found.start(), found[0]


def _is_gsm7(text: str) -> bool:
    return alphabet_for(text) is Alphabet.GSM7


def _name(cluster: str) -> str:
    return " + ".join(unicodedata.name(character, f"U+{ord(character):04X}") for character in cluster)


# A character and the combining marks behind it.
_CLUSTER = re.compile("(?s:.)[\u0300-\u036f]*")

_SAME = {
    "'": "\u2018\u2019\u201a\u201b\u2032\u2035\u02b9\u02bb\u02bc\u02bd\u00b4\u0060\u2039\u203a\uff07",
    '"': "\u201c\u201d\u201e\u201f\u2033\u2036\u00ab\u00bb\uff02",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2022\u2023\u2043\u25cf\u25aa",
    " ": "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\t",
    "\n": "\u0085\u2028\u2029\u000b",
    "": "\u00ad\u180e\u200b\u2060\ufeff",  # not drawn, and no part of an emoji
    "...": "\u2026",
    ".": "\u00b7\u2024",
    "x": "\u00d7\u2715",
    "/": "\u00f7\u2044\u2215",
    "~": "\u02dc\u223c",
    "<": "\u2329",
    # Letters of French and of the languages of West Africa without a decomposition. The older spelling of Bamanankan
    # has è, ò, ny and ng for its open vowels and nasals.
    "oe": "\u0153",
    "OE": "\u0152",
    "AE": "\u01fc",
    "è": "\u025b",
    "E": "\u0190",
    "ò": "\u0254",
    "O": "\u0186",
    "ny": "\u0272",
    "Ny": "\u019d",
    "ng": "\u014b",
    "Ng": "\u014a",
    "b": "\u0253",
    "B": "\u0181",
    "d": "\u0257",
    "D": "\u018a",
    "k": "\u0199",
    "K": "\u0198",
    "y": "\u01b4",
    "Y": "\u01b3",
    "i": "\u0131",
    # Signs.
    "o": "\u00ba\u00b0",  # as in N°
    "a": "\u00aa",
    "1": "\u00b9",
    "2": "\u00b2",
    "3": "\u00b3",
    "1/2": "\u00bd",
    "1/4": "\u00bc",
    "3/4": "\u00be",
    "(c)": "\u00a9",
    "(R)": "\u00ae",
    "TM": "\u2122",
    "No": "\u2116",
    "->": "\u2192",
    "<-": "\u2190",
    "<=": "\u2264",
    ">=": "\u2265",
}
_REPLACEMENTS = MappingProxyType(
    {character: same for same, characters in _SAME.items() for character in characters}
)
