"""The characters that force UCS-2, and their replacements."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem.sms import gsm7_replacements
from modem.sms.gsm7 import Alphabet, alphabet_for
from modem.sms.gsm7_replacements import ForcingCharacter, forcing_characters, replaced


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("L’œuvre", "L'oeuvre"),
        ("«\u00a0Bonjour\u00a0»", '" Bonjour "'),
        ("5\u202f000 F…", "5 000 F..."),
        ("à bientôt – merci", "à bientot - merci"),
        ("ê Ê ç À Œ", "e E c A OE"),
        ("e\u0301te\u0301", "été"),
        ("N° 5 ½", "No 5 1/2"),
        ("Mɔgɔ ɲɛ", "Mògò nyè"),
        ("joint\u200bive\u00ad", "jointive"),
        ("Merci 👍🏽", "Merci 👍🏽"),
        ("Привет", "Привет"),
        ("déjà vu {€}", "déjà vu {€}"),
    ],
)
def test_what_gsm_7_bit_has_in_place_of_a_character(text: str, expected: str) -> None:
    assert replaced(text) == expected


def test_each_forcing_character_is_named_once_with_its_places() -> None:
    assert forcing_characters("c’est l’eau 👍 é") == (
        ForcingCharacter("’", "RIGHT SINGLE QUOTATION MARK", (1, 7), "'"),
        ForcingCharacter("👍", "THUMBS UP SIGN", (12,), None),
    )


def test_a_letter_with_a_combining_mark_is_one_character() -> None:
    (found,) = forcing_characters("e\u0301t\u00e9")
    assert found == ForcingCharacter(
        "e\u0301", "LATIN SMALL LETTER E + COMBINING ACUTE ACCENT", (0,), "\u00e9"
    )


def test_the_table_has_nothing_that_gsm_7_bit_has_already() -> None:
    for character, same in gsm7_replacements._REPLACEMENTS.items():  # noqa: SLF001 - the table itself is checked
        assert alphabet_for(character) is Alphabet.UCS2, character
        assert alphabet_for(same) is Alphabet.GSM7, character


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_replacing_leaves_only_characters_without_a_replacement(text: str) -> None:
    left = forcing_characters(replaced(text))
    assert all(one.replacement is None for one in left)
    for one in forcing_characters(text):
        for place in one.positions:
            assert text.startswith(one.character, place)
    assert bool(forcing_characters(text)) == (alphabet_for(text) is Alphabet.UCS2)
