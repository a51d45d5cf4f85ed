"""The alphabets: the choice for a text, septets and octets, and decoding."""

from __future__ import annotations

import unicodedata

import gsm0338
import pytest
from gsmmodem import pdu as second_opinion
from hypothesis import given
from hypothesis import strategies as st

from modem.sms.gsm7 import (
    Alphabet,
    UnencodableError,
    alphabet_for,
    decode_gsm7,
    decode_ucs2,
    encode_gsm7,
    encode_ucs2,
    pack,
    septets,
    unpack,
)

EXTENSION = "\f^{}\\[~]|€"
DEFAULT = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM7 = DEFAULT + EXTENSION

# python-gsmmodem-new has ` where 23.038 has §, and ÿ where it has form feed.
GSM7_AS_THE_SECOND_OPINION_HAS_IT = GSM7.replace("§", "").replace("\f", "")

gsm7_texts = st.text(alphabet=GSM7, max_size=200)


def test_the_default_alphabet_has_127_characters_and_its_extension_ten() -> None:
    assert len(set(DEFAULT)) == 127
    assert len(set(EXTENSION)) == 10


def test_gsm7_encodes_its_own_characters_only() -> None:
    said = {chr(code) for code in range(0x11000) if alphabet_for(chr(code)) is Alphabet.GSM7}
    assert said == set(GSM7)


@pytest.mark.parametrize(
    "character", ["ç", "ê", "ë", "â", "î", "ô", "û", "œ", "À", "È", "Ê", "`", "’", "\t", "\x1b", "😀"]
)
def test_one_character_beyond_gsm7_makes_a_text_ucs2(character: str) -> None:
    assert alphabet_for("Bonjour" + character + "monde") is Alphabet.UCS2


def test_extension_characters_take_two_septets() -> None:
    assert septets("") == 0
    assert septets("abc") == 3
    assert septets(EXTENSION) == 20
    assert septets("1 €") == 4


def test_a_character_beyond_gsm7_is_refused_with_its_position() -> None:
    with pytest.raises(UnencodableError, match="character 4 "):
        encode_gsm7("Garçon ç")
    with pytest.raises(UnencodableError, match="character 3 "):
        encode_gsm7("ab\x1b")


@given(gsm7_texts)
def test_septets_are_those_of_gsm0338(text: str) -> None:
    codes = encode_gsm7(text)
    assert codes == text.encode("gsm03.38")
    assert len(codes) == septets(text)
    assert decode_gsm7(codes) == text


@given(st.text(alphabet=GSM7_AS_THE_SECOND_OPINION_HAS_IT, max_size=200))
def test_septets_and_their_packing_are_those_of_gsmmodem(text: str) -> None:
    codes = encode_gsm7(text)
    assert codes == second_opinion.encodeGsm7(text)
    assert pack(codes) == second_opinion.packSeptets(bytearray(codes))


def test_the_packing_of_the_standard_text() -> None:
    assert pack(encode_gsm7("hellohello")).hex() == "e8329bfd4697d9ec37"
    assert decode_gsm7(unpack(bytes.fromhex("e8329bfd4697d9ec37"), 10)) == "hellohello"


@given(st.binary(max_size=200).map(lambda octets: bytes(octet & 0x7F for octet in octets)), st.integers(0, 6))
def test_packed_septets_come_back_whatever_the_fill_bits(codes: bytes, fill_bits: int) -> None:
    octets = pack(codes, fill_bits)
    assert len(octets) == (fill_bits + 7 * len(codes) + 7) // 8
    assert int.from_bytes(octets, "little") % (1 << fill_bits) == 0
    assert unpack(octets, len(codes), fill_bits) == codes


@pytest.mark.parametrize("count", range(25))
def test_an_at_sign_at_the_end_is_neither_lost_nor_added(count: int) -> None:
    for text in ("@" * count, "x" * count, "x" * count + "@"):
        assert decode_gsm7(unpack(pack(encode_gsm7(text)), len(text))) == text


@pytest.mark.parametrize(
    ("codes", "text"),
    [
        (b"\x1b\x65", "€"),
        (b"\x1b\x0a", "\f"),
        (b"a\x1bab", "aab"),  # a code without an extension: the main table's character
        (b"a\x1b\x00b", "a@b"),
        (b"a\x1b\x0db", "a\rb"),
        (b"a\x1b", "a "),  # an escape at the end
        (b"a\x1b\x1bb", "a b"),  # reserved for a further table
        (b"\x1b\x1b\x65", " e"),
    ],
)
def test_escapes_are_read_by_the_standard(codes: bytes, text: str) -> None:
    assert decode_gsm7(codes) == text


@pytest.mark.parametrize(
    ("locking", "single", "codes", "text"),
    [
        (1, 0, b"\x04\x07\x0b\x0c\x1c\x1d\x40\x60", "€ıĞğŞşİç"),
        (1, 0, b"\x00\x05\x1b\x65\x24", "@é€¤"),
        (0, 1, b"\x1bG\x1bI\x1bS\x1bc\x1be\x1bg\x1bi\x1bs\x1b<", "ĞİŞç€ğış["),
        (0, 2, b"\x1b\x09\x1bA\x1bI\x1bO\x1bU\x1ba\x1be\x1bi\x1bo\x1bu", "çÁÍÓÚá€íóú"),
        (3, 0, b"\x04\x06\x07\x08\x09\x0b\x0c\x0e\x0f", "êúíóçÔôÁá"),
        (3, 0, b"\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1c\x1d\x1e\x1f", "ªÇÀ∞^\\€Ó|ÂâÊÉ"),
        (3, 0, b"\x25\x24\x40[\\]^_`{|}~\x7f", "%ºÍÃÕÚÜ§~ãõ`üà"),
        (0, 3, b"\x1b\x05\x1b\x09\x1b\x0b\x1b\x0c\x1b\x0e\x1b\x0f\x1b\x1f", "êçÔôÁáÊ"),
        (0, 3, b"\x1b\x12\x1b\x13\x1b\x14\x1b\x15\x1b\x16\x1b\x17\x1b\x18\x1b\x19", "ΦΓ^ΩΠΨΣΘ"),
        (
            0,
            3,
            b"\x1bA\x1bI\x1bO\x1bU\x1b[\x1b\\\x1ba\x1be\x1bi\x1bo\x1bu\x1b{\x1b|\x1b\x7f",
            "ÀÍÓÚÃÕÂ€íóúãõâ",
        ),
        (3, 3, b"\x1b\x09\x09\x1bz", "ççz"),
        (1, 0, b"\x1b\x60", "ç"),  # not in the extension table: the locking table's character
        (2, 0, b"\x04", "è"),  # Spanish has no locking table
        (99, 99, b"\x04\x1b\x65", "è€"),  # unknown languages fall back to the default
    ],
)
def test_national_language_tables(locking: int, single: int, codes: bytes, text: str) -> None:
    assert decode_gsm7(codes, locking=locking, single=single) == text


def test_the_spanish_table_is_that_of_gsm0338() -> None:
    for code, name in gsm0338.SINGLE_SHIFT_CHARACTER_SET_SPANISH.items():
        character = "\f" if name == "FORM FEED" else unicodedata.lookup(name)
        assert decode_gsm7(bytes([0x1B, code]), single=2) == character


@given(
    st.binary().map(lambda octets: bytes(octet & 0x7F for octet in octets)),
    st.integers(0, 255),
    st.integers(0, 255),
)
def test_any_septets_can_be_read(codes: bytes, locking: int, single: int) -> None:
    text = decode_gsm7(codes, locking=locking, single=single)
    assert "\x1b" not in text
    assert len(text) <= len(codes)


@given(st.text())
def test_ucs2_comes_back_and_is_utf16(text: str) -> None:
    octets = encode_ucs2(text)
    assert octets == text.encode("utf-16-be")
    assert decode_ucs2(octets) == text


@pytest.mark.parametrize("text", ["\ud83d", "ab\ud83dc", "ab\ude00", "ab\ude00\ud83d"])
def test_half_a_surrogate_pair_cannot_be_sent(text: str) -> None:
    assert alphabet_for(text) is Alphabet.UCS2
    with pytest.raises(UnencodableError, match=f"character {1 if len(text) == 1 else 3} is half"):
        encode_ucs2(text)


@given(st.binary())
def test_any_octets_can_be_read_as_ucs2(octets: bytes) -> None:
    units = decode_ucs2(octets).encode("utf-16-be", "surrogatepass")
    assert units == octets[: len(octets) - len(octets) % 2]
