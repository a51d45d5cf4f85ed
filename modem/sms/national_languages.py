"""The national language tables of India and Pakistan (23.038, A.2.4 to A.2.13 and A.3.4 to A.3.13).

The nine Indian scripts have neighbouring blocks in Unicode, with the same letter at the same offset of each block, and
the standard has one layout for all of them. So each table is its block without the letters that the language lacks. An
empty place of the standard reads as a space.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"

# The layout of the locking shift tables up to 0x5F: a number is an offset in the block of the script.
_LAYOUT: Final = (
    *(0x01, 0x02, 0x03, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, "\n", 0x0C, 0x0D, "\r", 0x0E, 0x0F),
    *(0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1A, "\x1b", 0x1B, 0x1C, 0x1D, 0x1E),
    *(" ", "!", 0x1F, 0x20, 0x21, 0x22, 0x23, 0x24, ")", "(", 0x25, 0x26, ",", 0x27, ".", 0x28),
    *("0", "1", "2", "3", "4", "5", "6", "7", "8", "9", ":", ";", 0x29, 0x2A, 0x2B, "?"),
    *(0x2C, 0x2D, 0x2E, 0x2F, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3C, 0x3D),
    *(0x3E, 0x3F, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D),
)


def _locking(block: int, absent: str, others: str) -> str:
    """A locking shift table. `absent`: offsets of the layout that the language leaves empty; `others`: the characters at
    0x60 and from 0x7B on, which have no common layout. Both by their last two hexadecimal digits.
    """
    empty = bytes.fromhex(absent)
    laid_out = (
        place if isinstance(place, str) else " " if place in empty else chr(block + place)
        for place in _LAYOUT
    )
    first, *last = (chr(block & 0xFF00 | low) for low in bytes.fromhex(others))
    return "".join((*laid_out, first, _LETTERS, *last))


LOCKING_SHIFT: Final[Mapping[int, str]] = MappingProxyType(
    {
        4: _locking(0x0980, "0D 0E 11 12 29 31 33 34 35 45 46 49 4A", "CE D7 DC DD F0 F1"),  # Bengali
        5: _locking(0x0A80, "0E 12 29 31 34 46 4A", "D0 E0 E1 E2 E3 F1"),  # Gujarati
        6: _locking(0x0900, "", "50 72 7B 7C 7E 7F"),  # Hindi
        # Kannada. At 0x24 the standard prints U+0CAA, which is at 0x3D already: a misprint for U+0CA1.
        7: _locking(0x0C80, "01 0D 11 29 34 45 49", "D5 D6 E0 E1 E2 E3"),
        8: _locking(0x0D00, "01 0D 11 29 3C 45 49", "57 60 61 62 63 79"),  # Malayalam
        9: _locking(0x0B00, "0D 0E 11 12 29 31 34 45 46 49 4A", "56 57 60 61 62 63"),  # Oriya
        10: _locking(  # Punjabi
            0x0A00, "0B 0C 0D 0E 11 12 29 31 34 37 3D 43 44 45 46 49 4A", "51 70 71 72 73 74"
        ),
        11: _locking(  # Tamil
            0x0B80,
            "01 0B 0C 0D 11 16 17 18 1B 1D 20 21 22 25 26 27 2B 2C 2D 3C 3D 43 44 45 49",
            "D0 D7 F0 F1 F2 F9",
        ),
        12: _locking(0x0C00, "0D 11 29 34 3C 45 49", "55 56 60 61 62 63"),  # Telugu
        13: (  # Urdu
            "\u0627\u0622\u0628\u067b\u0680\u067e\u06a6\u062a\u06c2\u067f\n\u0679\u067d\r\u067a\u067c"
            "\u062b\u062c\u0681\u0684\u0683\u0685\u0686\u0687\u062d\u062e\u062f\x1b\u068c\u0688\u0689\u068a"
            " !\u068f\u068d\u0630\u0631\u0691\u0693)(\u0699\u0632,\u0696.\u0698"
            "0123456789:;\u069a\u0633\u0634?"
            "\u0635\u0636\u0637\u0638\u0639\u0641\u0642\u06a9\u06aa\u06ab\u06af\u06b3\u06b1\u0644\u0645\u0646"
            "\u06ba\u06bb\u06bc\u0648\u06c4\u06d5\u06c1\u06be\u0621\u06cc\u06d0\u06d2\u064d\u0650\u064f\u0657"
            f"\u0654{_LETTERS}\u0655\u0651\u0653\u0656\u0670"
        ),
    }
)

# The common part of the single shift tables of these languages, without 0x1B and the unused codes.
_COMMON: Final = (
    dict(zip(range(0x00, 0x0A), "@£$¥¿\"¤%&'", strict=True))  # noqa: PIE808 - a code, as the next one
    | {0x0A: "\f", 0x0B: "*", 0x0C: "+"}
    | dict(zip(range(0x0E, 0x19), "-/<=>¡^¡_#*", strict=True))
    | {0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€"}
    | dict(zip(range(0x41, 0x5B), _LETTERS.upper(), strict=True))
)
# The codes of the characters that differ: the digits from 0x1C on, and signs around them.
_OWN: Final = (0x19, 0x1A, *range(0x1C, 0x28), *range(0x2A, 0x2F), *range(0x30, 0x3C), 0x3F)
_DANDA: Final = "\u0964\u0965"


def _single(own: str) -> Mapping[int, str]:
    """A single shift table; a space marks an empty place."""
    filled = {code: char for code, char in zip(_OWN, own, strict=False) if char != " "}
    return MappingProxyType(_COMMON | filled)


def _run(first: int, last: int) -> str:
    return "".join(map(chr, range(first, last + 1)))


SINGLE_SHIFT: Final[Mapping[int, Mapping[int, str]]] = MappingProxyType(
    {
        4: _single(_run(0x09E6, 0x09EF) + "\u09df" + _run(0x09E0, 0x09E3) + _run(0x09F2, 0x09FA)),
        5: _single(_DANDA + _run(0x0AE6, 0x0AEF)),
        6: _single(
            _DANDA + _run(0x0966, 0x096F) + _run(0x0951, 0x0954) + _run(0x0958, 0x0963) + "\u0970\u0971"
        ),
        7: _single(_DANDA + _run(0x0CE6, 0x0CEF) + "\u0cde\u0cf1\u0cf2"),
        8: _single(_DANDA + _run(0x0D66, 0x0D75) + _run(0x0D7A, 0x0D7F)),
        9: _single(_DANDA + _run(0x0B66, 0x0B6F) + "\u0b5c\u0b5d\u0b5f\u0b70\u0b71"),
        10: _single(_DANDA + _run(0x0A66, 0x0A6F) + _run(0x0A59, 0x0A5C) + "\u0a5e\u0a75"),
        11: _single(_DANDA + _run(0x0BE6, 0x0BEF) + _run(0x0BF3, 0x0BF8) + "\u0bfa"),
        12: _single("  " + _run(0x0C66, 0x0C6F) + "\u0c58\u0c59" + _run(0x0C78, 0x0C7F)),
        13: _single(
            "\u0600\u0601"
            + _run(0x06F0, 0x06F9)
            + _run(0x060C, 0x0614)
            + "\u061b\u061f\u0640\u0652\u0658\u066b\u066c\u0672\u0673\u06cd\u06d4"
        ),
    }
)
