"""The number and the sizes of parts, and joining them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem.sms.gsm7 import Alphabet, UnencodableError
from modem.sms.segmentation import MAX_PARTS, Segment, TextTooLongError, join, segment

EXTENSION = "\f^{}\\[~]|€"


def size(part: Segment) -> int:
    """The length in septets or 16-bit units, counted without the code under test."""
    if part.alphabet is Alphabet.GSM7:
        return sum(2 if character in EXTENSION else 1 for character in part.text)
    return sum(2 if ord(character) > 0xFFFF else 1 for character in part.text)


def check(text: str) -> tuple[Segment, ...]:
    """Check every property of the parts of a text."""
    parts = segment(text)
    assert "".join(part.text for part in parts) == text
    assert len({part.alphabet for part in parts}) == 1
    gsm7 = parts[0].alphabet is Alphabet.GSM7
    if len(parts) == 1:
        assert size(parts[0]) <= (160 if gsm7 else 70)
        return parts
    room = 153 if gsm7 else 67
    assert sum(map(size, parts)) > (160 if gsm7 else 70)
    for part, following in pairwise(parts):
        assert size(part) <= room
        first = Segment(following.text[0], following.alphabet)
        assert size(part) + size(first) > room, "the next character would have fitted"
    assert 0 < size(parts[-1]) <= room
    return parts


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("a", [1]),
        ("a" * 160, [160]),
        ("a" * 161, [153, 8]),
        ("a" * 306, [153, 153]),
        ("a" * 307, [153, 153, 1]),
        ("€" * 80, [160]),
        ("€" * 81, [152, 10]),
        ("a" + "€" * 80, [153, 8]),
        ("ç", [1]),
        ("ç" * 70, [70]),
        ("ç" * 71, [67, 4]),
        ("ç" * 134, [67, 67]),
        ("😀" * 35, [70]),
        ("😀" * 36, [66, 6]),
        ("a" + "😀" * 35, [67, 4]),
        ("a" * 159 + "ç", [67, 67, 26]),
    ],
)
def test_parts_and_their_sizes(text: str, sizes: list[int]) -> None:
    assert [size(part) for part in check(text)] == sizes


@pytest.mark.parametrize("character", ["a", "@", "€", "ç", "😀"])
def test_every_length_up_to_1600(character: str) -> None:
    for length in range(1, 1601):
        check(character * length)


@pytest.mark.parametrize("character", [*EXTENSION, "😀"])
@pytest.mark.parametrize("filler", ["a", "ç"])
def test_a_wide_character_at_a_part_border_moves_whole(character: str, filler: str) -> None:
    alone, beside = (160, 153) if filler == "a" and character in EXTENSION else (70, 67)
    for border in (alone, beside, 2 * beside, 3 * beside):
        for before in range(border - 2, border + 2):
            check(filler * before + character)
            check(filler * before + character + filler * beside)
            check(filler * before + character * 2 + filler * beside)


@given(st.text(min_size=1, max_size=1600))
def test_any_text(text: str) -> None:
    check(text)


@given(st.text(alphabet="a@é €[\f", min_size=140, max_size=700))
def test_any_gsm7_text(text: str) -> None:
    check(text)


@given(st.text(alphabet="aç😀€", min_size=30, max_size=400))
def test_any_ucs2_text(text: str) -> None:
    check(text + "ç")


def test_a_message_has_255_parts_at_most() -> None:
    assert len(check("a" * 153 * MAX_PARTS)) == MAX_PARTS == 255
    with pytest.raises(TextTooLongError, match="256 parts"):
        segment("a" * (153 * MAX_PARTS + 1))


@pytest.mark.parametrize("text", ["\ud83d", "abc\ude00", "ç" * 200 + "\ud83d" + "ç" * 200, "\ude00\ud83d"])
def test_half_a_surrogate_pair_is_refused(text: str) -> None:
    with pytest.raises(UnencodableError):
        segment(text)


@given(st.text(), st.data())
def test_split_surrogate_pairs_are_joined(text: str, data: st.DataObject) -> None:
    octets = text.encode("utf-16-be")
    cut = 2 * data.draw(st.integers(0, len(octets) // 2))
    halves = [half.decode("utf-16-be", "surrogatepass") for half in (octets[:cut], octets[cut:])]
    assert join(halves) == text


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        ([], ""),
        (["ab", "c"], "abc"),
        (["a\ud83d", "\ude00b"], "a😀b"),
        (["a\ud83d", "b"], "a\ufffdb"),
        (["\ude00b", "a\ud83d"], "\ufffdba\ufffd"),
        (["\ud83d", "\ud83d", "\ude00"], "\ufffd😀"),
        (["a😀", "\ufeffé"], "a😀\ufeffé"),
    ],
)
def test_a_single_surrogate_is_replaced(texts: list[str], joined: str) -> None:
    assert join(texts) == joined
