"""The tables of India and Pakistan: words spelt by hand from 23.038, annex A, and common properties."""

from __future__ import annotations

import unicodedata

import pytest

from modem.sms.gsm7 import decode_gsm7
from modem.sms.national_languages import LOCKING_SHIFT

BLOCKS = {
    4: "BENGALI",
    5: "GUJARATI",
    6: "DEVANAGARI",
    7: "KANNADA",
    8: "MALAYALAM",
    9: "ORIYA",
    10: "GURMUKHI",
    11: "TAMIL",
    12: "TELUGU",
    13: "ARABIC",
}


@pytest.mark.parametrize(
    ("language", "codes", "text"),
    [
        (4, "40 50 01 46 50", "বাংলা"),
        (5, "17 53 1D 44 50 27 52", "ગુજરાતી"),
        (6, "4D 51 2F 5F 2B 52", "हिन्दी"),
        (7, "15 2F 5F 2F 24", "ಕನ್ನಡ"),
        (8, "42 46 43 50 47 01", "മലയാളം"),
        (9, "13 24 51 04", "ଓଡିଆ"),
        (10, "3D 7B 1D 50 40 52", "ਪੰਜਾਬੀ"),
        (11, "27 42 51 48 5F", "தமிழ்"),
        (12, "27 58 46 53 17 53", "తెలుగు"),
        (13, "05 00 47 3D 07 00 4F", "پاکستان"),
    ],
)
def test_words_in_the_locking_shift_tables(language: int, codes: str, text: str) -> None:
    assert decode_gsm7(bytes.fromhex(codes), locking=language) == text


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (4, "০১২"),
        (5, "૦૧૨"),
        (6, "०१२"),
        (7, "೦೧೨"),
        (8, "൦൧൨"),
        (9, "୦୧୨"),
        (10, "੦੧੨"),
        (11, "௦௧௨"),
        (12, "౦౧౨"),
        (13, "۰۱۲"),
    ],
)
def test_digits_in_the_single_shift_tables(language: int, text: str) -> None:
    zero = 0x19 if language == 4 else 0x1C
    one, two = (0x1A, 0x1C) if language == 4 else (0x1D, 0x1E)
    codes = bytes([0x1B, zero, 0x1B, one, 0x1B, two])
    assert decode_gsm7(codes, single=language) == text
    assert decode_gsm7(b"\x1b\x41\x1b\x65\x1b\x28\x1b\x00", single=language) == "A€{@"


@pytest.mark.parametrize("language", BLOCKS)
def test_every_letter_belongs_to_its_script_and_occurs_once(language: int) -> None:
    table = LOCKING_SHIFT[language]
    assert len(table) == 128
    letters = [char for char in table if ord(char) > 0x7F]
    assert len(set(letters)) == len(letters)
    assert {unicodedata.name(char).split()[0] for char in letters} == {BLOCKS[language]}
    assert (table[0x0A], table[0x0D], table[0x1B], table[0x20]) == ("\n", "\r", "\x1b", " ")
    assert table[0x30:0x3A] == "0123456789"
    assert table[0x61:0x7B] == "abcdefghijklmnopqrstuvwxyz"
    for code, char in enumerate(table):
        if char.isascii() and char != " " and char not in ")(":
            assert ord(char) == code
