"""The number of a card, in all the forms in which modems tell it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem.driver.parsers import iccid as iccid_in

# 18 to 20 digits behind 89; the last is no F, which would be filler.
NUMBERS = st.from_regex(r"\A89[0-9A-F]{15,17}[0-9A-E]\Z")

HEADS = (
    "", "+CCID: ", "+CCID:", "+ICCID: ", "^ICCID: ", "+QCCID: ", "#CCID: ", "+CICCID: ", "+ZGETICCID: ", "!ICCID: ", "ICCID: ",
)  # fmt: skip


def in_file(number: str) -> str:
    """As in EF-ICCID: ten octets, filled up, with swapped nibbles (31.102, 4.2.1)."""
    full = number.ljust(20, "F")
    return "".join(full[place + 1] + full[place] for place in range(0, 20, 2))


@given(NUMBERS, st.sampled_from(HEADS), st.booleans(), st.booleans(), st.integers(0, 3))
def test_a_number_is_read_with_and_without_quotes_filler_and_capitals(
    number: str, head: str, quoted: bool, small: bool, filler: int
) -> None:
    word = number + "F" * filler
    word = word.lower() if small else word
    assert iccid_in(head + (f'"{word}"' if quoted else word)) == number


@given(
    NUMBERS,
    st.booleans(),
    st.sampled_from(['+CRSM: 144,0,"%s"', "+CRSM: 144,0,%s", "^ICCID: %s", '+CCID: "%s"']),
)
def test_a_number_is_read_as_it_stands_in_the_file(number: str, small: bool, form: str) -> None:
    word = in_file(number)
    assert iccid_in(form % (word.lower() if small else word)) == number


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("+CCID: 898600B5112340005012", "898600B5112340005012"),
        ("+QCCID: 898600b511234000501f", "898600B511234000501"),
        ('+CRSM: 144,0,"9868005B113204000521"', "898600B5112340005012"),
        ("898600F5112340005012", "898600F5112340005012"),
        ("+CCID: 8986 00B5", ""),
        ("+CCID: 356938035643809", ""),  # an IMEI is too short
        ('+CRSM: 148,8,""', ""),
        ("0791222301ABCDEF0123", ""),  # hexadecimal digits that begin with anything else
    ],
)
def test_only_a_number_is_taken_for_one(said: str, number: str) -> None:
    assert iccid_in(said) == number


@given(st.text(max_size=80))
def test_any_line_is_read_without_an_error(said: str) -> None:
    found = iccid_in(said)
    assert found == "" or (17 <= len(found) <= 20 and found == found.upper() and not found.endswith("F"))
