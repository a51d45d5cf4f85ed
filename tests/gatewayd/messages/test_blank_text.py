"""Texts without a visible character are recognised."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.messages.blank_text import VISIBLE, is_blank

INVISIBLE = (
    "\t\n\x0b\x0c\r\x1c\x1f \x85\u00a0\u00ad\u034f\u061c\u115f\u1160\u17b4\u180b\u180e\u2003\u200b\u200c\u200d\u200e\u200f"
    "\u2028\u2029\u202a\u202e\u202f\u205f\u2060\u2061\u2064\u2066\u2069\u206a\u2800\u3000\u3164\ufe00\ufe0f\ufeff\uffa0"
    "\ufff9\ufffb\U0001d173\U000e0001\U000e0041\U000e007f\U000e0100"
)


@pytest.mark.parametrize("character", INVISIBLE, ids=lambda character: f"U+{ord(character):04X}")
def test_a_text_of_one_invisible_character_is_blank(character: str) -> None:
    assert is_blank(character * 3)


@given(st.text())
def test_the_pattern_of_the_document_finds_something_in_every_other_text(text: str) -> None:
    assert (re.search(VISIBLE, text) is None) == is_blank(text)


@given(st.text(st.sampled_from(INVISIBLE)))
def test_a_text_of_many_invisible_characters_is_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "é",
        "م",
        "\u0605",
        "\u06dd1",
        "❤\ufe0f",
        "👩\u200d👩\u200d👧",
        "🏴\U000e0067\U000e0062\U000e007f",
        "0\ufe0f\u20e3",
        ".",
        "\u0301",
        "한",
        "ߒ",
    ],
)
def test_a_text_with_a_visible_character_is_not_blank(text: str) -> None:
    assert not is_blank(text)
    assert not is_blank(f"\u200b{text}\ufeff ")
