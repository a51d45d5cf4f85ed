"""TPDUs: written ones are read by independent decoders, and foreign ones are read by the gateway."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from gsmmodem import pdu as second_opinion
from hypothesis import example, given
from hypothesis import strategies as st

from modem.sms.gsm7 import Alphabet, UnencodableError
from modem.sms.segmentation import Segment, segment
from modem.sms.tpdu import Concat, Deliver, Pdu, ReportKind, Signal, StatusReport, TpduError, parse, submit
from tests.modem.sms.submit_decoder import Submit, decode

MALI = "+22370123456"
EXTENSION = "\f^{}\\[~]|€"
GSM7 = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà" + EXTENSION
)

# python-gsmmodem-new has ` where 23.038 has §, and ÿ where it has form feed.
GSM7_AS_THE_SECOND_OPINION_HAS_IT = GSM7.replace("§", "").replace("\f", "")


def send(text: str, reference: int = 0) -> list[Pdu]:
    """The PDUs of a message."""
    parts = segment(text)
    return [
        submit(MALI, part, seq=seq, total=len(parts), reference=reference)
        for seq, part in enumerate(parts, 1)
    ]


def received(text: str, reference: int = 0) -> str:
    """The text of a message by the independent decoder, with every field checked."""
    pdus = send(text, reference)
    texts = []
    for seq, pdu in enumerate(pdus, 1):
        got = decode(pdu.hex)
        header = b"" if len(pdus) == 1 else bytes([5, 0, 3, reference, len(pdus), seq])
        assert got == Submit(pdu.length, False, True, 0, MALI, 0, got.dcs, None, header, got.text)
        texts.append(got.text)
    return "".join(texts)


# --- SMS-SUBMIT ---------------------------------------------------------------------------------------


def test_a_short_text_octet_by_octet() -> None:
    pdu = submit(MALI, Segment("hellohello", Alphabet.GSM7), seq=1, total=1, reference=0)
    assert pdu.hex == "00" + "21" + "00" + "0B912273103254F6" + "00" + "00" + "0A" + "E8329BFD4697D9EC37"
    assert pdu.length == len(pdu.hex) // 2 - 1


def test_a_part_of_a_message_octet_by_octet() -> None:
    pdu = submit(MALI, Segment("hé😀", Alphabet.UCS2), seq=2, total=3, reference=0xAB)
    assert (
        pdu.hex
        == "00" + "61" + "00" + "0B912273103254F6" + "00" + "08" + "0E" + "050003AB0302" + "006800E9D83DDE00"
    )


def test_every_option_is_encoded() -> None:
    pdu = submit(
        "36*#",
        Segment("a", Alphabet.GSM7),
        seq=1,
        total=1,
        reference=0,
        validity_s=3600,
        report=False,
        reject_duplicates=True,
        message_reference=200,
    )
    assert decode(pdu.hex) == Submit(pdu.length, True, False, 200, "36*#", 0, 0, 11, b"", "a")


@pytest.mark.parametrize("character", ["a", "@", "€", "ç", "😀"])
def test_every_length_arrives(character: str) -> None:
    for length in [*range(1, 330), 459, 460, 612, 1071, 1599, 1600]:
        assert received(character * length) == character * length


@pytest.mark.parametrize("character", [*EXTENSION, "😀"])
@pytest.mark.parametrize("filler", ["a", "@", "ç"])
def test_wide_characters_at_part_borders_arrive(character: str, filler: str) -> None:
    for border in (70, 67, 134, 160, 153, 306):
        for before in range(border - 2, border + 2):
            text = filler * before + character * 2 + filler * 160
            assert received(text) == text


def repeated(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts of every length up to 1600; hypothesis alone would only try short ones."""
    return st.builds(lambda text, length: (text * length)[:length], texts, st.integers(1, 1600))


@given(repeated(st.text(min_size=1)), st.integers(0, 255))
def test_any_text_arrives(text: str, reference: int) -> None:
    assert received(text, reference) == text


@given(repeated(st.text(alphabet=GSM7, min_size=1)))
def test_any_gsm7_text_arrives(text: str) -> None:
    assert received(text) == text


@given(repeated(st.text(alphabet="aç😀€", min_size=1)))
def test_any_mixed_text_arrives(text: str) -> None:
    assert received(text) == text


@given(
    repeated(st.text(alphabet=GSM7_AS_THE_SECOND_OPINION_HAS_IT, min_size=1))
    # gsmmodem does not support surrogate pairs in UCS-2; it takes `, ÿ and the escape for GSM 7-bit.
    | repeated(
        st.text(
            alphabet=st.characters(
                max_codepoint=0xFFFF, exclude_characters="`ÿ\x1b§\f", exclude_categories=["Cs"]
            ),
            min_size=1,
        )
    ),
    st.integers(0, 255),
    st.booleans(),
    st.booleans(),
)
def test_pdus_are_those_of_gsmmodem(text: str, reference: int, report: bool, reject: bool) -> None:
    parts = segment(text)
    ours = [
        submit(
            MALI,
            part,
            seq=seq,
            total=len(parts),
            reference=reference,
            message_reference=reference,  # gsmmodem has one number for both
            validity_s=86400,
            report=report,
            reject_duplicates=reject,
        )
        for seq, part in enumerate(parts, 1)
    ]
    theirs = second_opinion.encodeSmsSubmitPdu(
        MALI,
        text,
        reference=reference,
        validity=timedelta(days=1),
        requestStatusReport=report,
        rejectDuplicates=reject,
    )
    assert [(pdu.hex, pdu.length) for pdu in ours] == [(str(pdu), pdu.tpduLength) for pdu in theirs]


@given(repeated(st.text(alphabet=GSM7_AS_THE_SECOND_OPINION_HAS_IT, min_size=1) | st.text(min_size=1)))
@example("a" * 7 + "@")
@example("a" * 152 + "@" + "a" * 20)
def test_gsmmodem_reads_pdus_of_the_gateway(text: str) -> None:
    for pdu, part in zip(send(text), segment(text), strict=True):
        if "§" in part.text or "\f" in part.text:
            continue  # gsmmodem does not know these two
        expected = part.text
        user_data_length = bytes.fromhex(pdu.hex)[13]
        if part.alphabet is Alphabet.GSM7 and user_data_length % 8 == 0:
            expected = expected.removesuffix(
                "@"
            )  # gsmmodem takes an @ on the boundary of an octet for fill bits
        theirs = second_opinion.decodeSmsPdu(pdu.hex)
        assert theirs["number"] == MALI
        assert theirs["tpdu_length"] == pdu.length
        # gsmmodem leaves the halves of surrogate pairs as two characters.
        assert theirs["text"].encode("utf-16-be", "surrogatepass").decode("utf-16-be") == expected


@given(
    st.from_regex(r"\+[1-9][0-9]{1,14}", fullmatch=True) | st.from_regex(r"[0-9*#abc]{1,20}", fullmatch=True)
)
def test_recipients_arrive(recipient: str) -> None:
    pdu = submit(recipient, Segment("a", Alphabet.GSM7), seq=1, total=1, reference=0)
    assert decode(pdu.hex).recipient == recipient


@pytest.mark.parametrize(
    "recipient", ["", "+", "abcd", "+223 70", "+1234567890123456", "1" * 21, "+22370é", "٣٤", "1\n"]
)
def test_other_recipients_are_refused(recipient: str) -> None:
    with pytest.raises(ValueError, match="recipient"):
        submit(recipient, Segment("a", Alphabet.GSM7), seq=1, total=1, reference=0)


@pytest.mark.parametrize(
    ("seconds", "validity"),
    [
        (-1, 0),
        (0, 0),
        (1, 0),
        (300, 0),
        (301, 1),
        (43200, 143),
        (43201, 144),
        (45000, 144),
        (45001, 145),
        (86400, 167),
        (86401, 168),
        (172800, 168),
        (172801, 169),
        (30 * 86400, 196),
        (30 * 86400 + 1, 197),
        (35 * 86400, 197),
        (35 * 86400 + 1, 198),
        (63 * 7 * 86400, 255),
        (10**12, 255),
    ],
)
def test_validity_is_rounded_up(seconds: int, validity: int) -> None:
    pdu = submit(MALI, Segment("a", Alphabet.GSM7), seq=1, total=1, reference=0, validity_s=seconds)
    assert decode(pdu.hex).validity == validity


@given(st.integers(1, 63 * 7 * 86400))
def test_validity_is_the_shortest_that_is_long_enough(seconds: int) -> None:
    pdu = submit(MALI, Segment("a", Alphabet.GSM7), seq=1, total=1, reference=0, validity_s=seconds)
    validity = decode(pdu.hex).validity
    assert validity is not None

    def means(value: int) -> float:
        said: timedelta = second_opinion._decodeRelativeValidityPeriod(value)  # noqa: SLF001 - a table of the standard
        return said.total_seconds()

    assert means(validity) >= seconds
    assert validity == 0 or means(validity - 1) < seconds


@pytest.mark.parametrize(("seq", "total"), [(0, 1), (2, 1), (0, 0), (1, 256), (-1, 3)])
def test_impossible_parts_are_refused(seq: int, total: int) -> None:
    with pytest.raises(ValueError, match="part"):
        submit(MALI, Segment("a", Alphabet.GSM7), seq=seq, total=total, reference=0)


def test_a_too_long_text_is_refused() -> None:
    for part, total in [
        (Segment("a" * 161, Alphabet.GSM7), 1),
        (Segment("a" * 154, Alphabet.GSM7), 2),
        (Segment("ç" * 71, Alphabet.UCS2), 1),
        (Segment("ç" * 68, Alphabet.UCS2), 2),
    ]:
        with pytest.raises(ValueError, match="longer than one part"):
            submit(MALI, part, seq=1, total=total, reference=0)
    for part in (Segment("ç", Alphabet.GSM7), Segment("\ud83d", Alphabet.UCS2)):
        with pytest.raises(UnencodableError):
            submit(MALI, part, seq=1, total=1, reference=0)
    with pytest.raises(ValueError, match="256"):
        submit(MALI, Segment("a", Alphabet.GSM7), seq=1, total=2, reference=256)


# --- SMS-DELIVER --------------------------------------------------------------------------------------

SCTS = "62111221436500"  # 2026-11-21 12:34:56 UTC


def deliver(
    user_data: str = "0161",
    *,
    first: int = 0x04,
    dcs: int = 0x00,
    sender: str = "0B912273103254F6",
    scts: str = SCTS,
    smsc: str = "00",
    pid: int = 0,
) -> Deliver:
    """Read an SMS-DELIVER with these digits in it; `user_data` with TP-UDL."""
    read = parse(f"{smsc}{first:02X}{sender}{pid:02X}{dcs:02X}{scts}{user_data}")
    assert isinstance(read, Deliver)
    return read


def test_an_sms_deliver_is_read() -> None:
    assert parse("07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07") == Deliver(
        smsc="+31624000000",
        sender="+31641600986",
        text="How are you?",
        sent_at=datetime(2002, 8, 26, 19, 37, 41, tzinfo=UTC),
        concat=None,
        alphabet=Alphabet.GSM7,
        message_class=None,
        pid=0,
        dcs=0,
    )


def test_lower_case_digits_are_read() -> None:
    pdu = "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07"
    assert parse(pdu.lower()) == parse(pdu)


def test_octets_after_the_user_data_are_ignored() -> None:
    assert deliver("0161FFFF") == deliver("0161")


@pytest.mark.parametrize(
    ("address", "sender"),
    [
        ("0B912273103254F6", "+22370123456"),
        ("0BA12273103254F6", "22370123456"),  # national
        ("088107732143", "70371234"),
        ("04816363", "3636"),
        ("038136F6", "636"),
        ("03813616", "636"),  # another filler than 15
        ("0491AB6F", "+#*6"),  # a filler too early is ignored
        ("0091", ""),
        ("0080", ""),
        ("0BD04F79D87D2E03", "Orange"),
        ("14D04F79D87D2E37DFEE721E", "OrangeMoney"),
        ("10D049B7F90D6886D969", "Info@Mali"),
        ("0DD04F79D87D2E0300", "Orange@"),
        ("0DD0CD2033492D3201", "MALITEL"),
        ("0ED0CD2033492D3201", "MALITEL"),  # counted in whole octets, not in the semi-octets used
    ],
)
def test_senders(address: str, sender: str) -> None:
    read = deliver(sender=address)
    assert (read.sender, read.text) == (sender, "a")


@pytest.mark.parametrize("control", ["\r", "\n", "\f"])
@pytest.mark.parametrize("name", ["Ora{}nge", "{}Moov", "Info{}", "A{0}{0}B"])
def test_a_control_character_in_a_name_is_a_blank(name: str, control: str) -> None:
    codes = name.format(control).encode("gsm03.38")
    packed = second_opinion.packSeptets(bytearray(codes))
    address = f"{(7 * len(codes) + 3) // 4:02X}D0{packed.hex()}"
    assert deliver(sender=address).sender == name.format(" ")


@given(st.text(alphabet=re.sub("[@\n\r\f]", "", GSM7), min_size=1, max_size=11))
def test_names_as_senders(name: str) -> None:
    codes = name.encode("gsm03.38")
    if len(codes) > 11:
        return  # no room in ten octets
    packed = second_opinion.packSeptets(bytearray(codes))
    exact = (7 * len(codes) + 3) // 4
    for count in {exact, 2 * len(packed)}:  # useful semi-octets, and whole octets as many count
        assert deliver(sender=f"{count:02X}D0{packed.hex()}").sender == name


@pytest.mark.parametrize(
    ("smsc", "address"),
    [
        ("00", ""),
        ("0191", ""),
        ("07911326040000F0", "+31624000000"),
        ("0781132604000010", "316240000001"),
        ("0297F1", "+1"),
    ],
)
def test_service_centres(smsc: str, address: str) -> None:
    assert deliver(smsc=smsc).smsc == address


@pytest.mark.parametrize(
    ("scts", "sent_at"),
    [
        ("62111221436500", datetime(2026, 11, 21, 12, 34, 56, tzinfo=UTC)),
        ("62111221436580", datetime(2026, 11, 21, 12, 34, 56, tzinfo=timezone(timedelta(hours=2)))),
        ("62111221436523", datetime(2026, 11, 21, 12, 34, 56, tzinfo=timezone(timedelta(hours=8)))),
        ("6211122143650A", datetime(2026, 11, 21, 12, 34, 56, tzinfo=timezone(timedelta(hours=-5)))),
        ("6211122143654A", datetime(2026, 11, 21, 12, 34, 56, tzinfo=timezone(timedelta(hours=-6)))),
        (
            "62111221436541",
            datetime(2026, 11, 21, 12, 34, 56, tzinfo=timezone(timedelta(hours=3, minutes=30))),
        ),
        ("07101000000000", datetime(1970, 1, 1, tzinfo=UTC)),  # clocks that were never set
        ("08106000000000", datetime(1980, 1, 6, tzinfo=UTC)),
        ("99211332959500", datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("96211332959500", datetime(2069, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("42209232959500", datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
        ("00000000000000", None),
        ("FFFFFFFFFFFFFF", None),
        ("62311221436500", None),  # month 13
        ("62111321436500", None),  # day 31 of November
        ("62209221436500", None),  # 29 February of 2026
        ("62111242436500", None),  # 24 h
        ("62111221B20000", None),  # units, tens, that are no digits
        ("2A111221436500", None),
        ("621112214365A0", None),  # zone no digits
    ],
)
def test_time_stamps(scts: str, sent_at: datetime | None) -> None:
    read = deliver(scts=scts)
    assert read.sent_at == sent_at
    if sent_at is not None and read.sent_at is not None:
        assert read.sent_at.utcoffset() == sent_at.utcoffset()
    assert read.text == "a"


@given(
    st.datetimes(datetime.fromisoformat("1970-01-01"), datetime.fromisoformat("2069-12-31")),
    st.integers(-79, 79),
)
def test_every_time_stamp_comes_back(at: datetime, quarters: int) -> None:
    at = at.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=15 * quarters)))
    digits = at.strftime("%y%m%d%H%M%S") + f"{abs(quarters):02d}"
    octets = bytearray(int(digits[index + 1] + digits[index], 16) for index in range(0, 14, 2))
    octets[6] |= 0x08 if quarters < 0 else 0
    sent_at = deliver(scts=octets.hex()).sent_at
    assert sent_at == at
    assert sent_at is not None
    assert sent_at.utcoffset() == at.utcoffset()


@given(st.binary(min_size=10, max_size=10), st.integers(0, 20))
def test_numbers_are_read_semi_octet_by_semi_octet(value: bytes, length: int) -> None:
    semi_octets = [semi_octet for octet in value for semi_octet in (octet & 0x0F, octet >> 4)][:length]
    digits = "".join("0123456789*#abc"[digit] for digit in semi_octets if digit != 15)
    address = value[: (length + 1) // 2].hex()
    assert deliver(sender=f"{length:02X}81{address}").sender == digits
    assert deliver(sender=f"{length:02X}91{address}").sender == ("+" + digits if digits else "")


@given(
    st.lists(
        st.one_of(st.integers(0, 255), st.sampled_from([0x10, 0x01, 0x20, 0x99])), min_size=7, max_size=7
    )
)
def test_time_stamps_are_read_semi_octet_by_semi_octet(stamp: list[int]) -> None:
    *fields, zone = stamp
    expected: datetime | None = None
    if all(octet & 0x0F < 10 and octet >> 4 < 10 for octet in fields) and zone >> 4 < 10:
        year, month, day, hour, minute, second = (10 * (octet & 0x0F) + (octet >> 4) for octet in fields)
        offset = timedelta(minutes=15 * (10 * (zone & 0x07) + (zone >> 4)) * (-1 if zone & 0x08 else 1))
        with contextlib.suppress(ValueError):
            century = 1900 if year >= 70 else 2000
            expected = datetime(century + year, month, day, hour, minute, second, tzinfo=timezone(offset))
    assert repr(deliver(scts=bytes(stamp).hex()).sent_at) == repr(expected)


NO_ZONES = ["A0", "E1", "C2", "FF", "F0", "BC"]


@pytest.mark.parametrize("zone", NO_ZONES)
def test_a_time_stamp_without_a_time_zone_keeps_date_and_time(zone: str) -> None:
    read = deliver(scts=f"621112214365{zone}")
    assert (read.sent_at, read.sent_clock) == (None, datetime(2026, 11, 21, 12, 34, 56))  # noqa: DTZ001
    assert read.has_date


@pytest.mark.parametrize(
    "scts", ["00000000000000", "FFFFFFFFFFFFFF", "62001221436500", "62201321436500", "622013214365E1"]
)
def test_an_invalid_time_stamp_is_none(scts: str) -> None:
    read = deliver(scts=scts)
    assert (read.sent_at, read.sent_clock, read.has_date) == (None, None, False)


@pytest.mark.parametrize(
    ("pid", "dcs", "signal"),
    [
        (0x40, 0x00, Signal.TYPE_0),
        (0x40, 0x08, Signal.TYPE_0),
        (0x40, 0xC8, Signal.TYPE_0),
        (0x7F, 0xF6, Signal.SIM_DATA),
        (0x7F, 0x16, Signal.SIM_DATA),
        (0x7F, 0x00, Signal.SIM_DATA),
        *((0, dcs, Signal.VOICEMAIL) for dcs in range(0xC0, 0xD0)),
        *((0, dcs, None) for dcs in (0x00, 0x04, 0x08, 0x10, 0x40, 0xF0, 0xF5, *range(0xD0, 0xF0))),
        *((pid, 0x00, None) for pid in (0x3F, 0x41, 0x47, 0x5F, 0x7E)),
    ],
)
def test_signals_are_recognised_by_protocol_and_coding(pid: int, dcs: int, signal: Signal | None) -> None:
    assert deliver(pid=pid, dcs=dcs, user_data="020061").signal is signal


@pytest.mark.parametrize(
    ("element", "signal"),
    [("01020001", Signal.VOICEMAIL), ("01020100", Signal.VOICEMAIL), ("01028001", None), ("010100", None)],
)
def test_an_indication_in_the_header_decides_whether_the_text_is_kept(
    element: str, signal: Signal | None
) -> None:
    header = f"{len(element) // 2:02X}{element}"
    read = deliver(f"{len(header) // 2 + 2:02X}{header}0061", first=0x44, dcs=0x08)
    assert (read.signal, read.text) == (signal, "a")


@pytest.mark.parametrize(
    ("elements", "dcs", "port", "encoding", "is_data"),
    [
        ("05040B8423F0", 0xF5, 2948, "8bit", True),  # an MMS notification, as WAP push
        ("05040B8423F0", 0x04, 2948, "8bit", True),
        ("050415810000", 0x00, 5505, "gsm7", True),  # a ringing tone
        ("0504C34FC002", 0x08, 49999, "ucs2", True),
        ("0402F5F0", 0x00, 0xF5, "gsm7", True),
        ("0402F5F005040B8423F0", 0x04, 2948, "8bit", True),
        ("0003070201", 0x04, None, "8bit", True),
        ("0003070201", 0x08, None, "ucs2", False),
        ("05030B8423", 0x08, None, "ucs2", False),  # too short to be ports
    ],
)
def test_data_is_recognised_by_port_or_coding(
    elements: str, dcs: int, port: int | None, encoding: str, is_data: bool
) -> None:
    header = f"{len(elements) // 2:02X}{elements}"
    read = deliver(f"{len(header) // 2:02X}{header}", first=0x44, dcs=dcs)
    assert (read.port, read.encoding, read.is_data, read.signal) == (port, encoding, is_data, None)


def test_octets_leave_out_tp_mms_and_garbage() -> None:
    first = deliver("0161")
    assert deliver("0161FFFF").octets == first.octets  # garbage after the text
    assert deliver("0161", first=0x00).octets == first.octets  # more waits at the service centre
    assert deliver("0161", scts="00000000000000").octets != deliver("0161", scts="FFFFFFFFFFFFFF").octets
    assert deliver("0162").octets != first.octets


SEVEN, EIGHT, UCS2 = Alphabet.GSM7, None, Alphabet.UCS2


@pytest.mark.parametrize(
    ("dcs", "alphabet", "message_class"),
    [
        (0x00, SEVEN, None),
        (0x01, SEVEN, None),  # class bits without the bit that makes them valid
        (0x04, EIGHT, None),
        (0x08, UCS2, None),
        (0x0C, SEVEN, None),  # reserved alphabet
        (0x10, SEVEN, 0),
        (0x11, SEVEN, 1),
        (0x12, SEVEN, 2),
        (0x13, SEVEN, 3),
        (0x14, EIGHT, 0),
        (0x18, UCS2, 0),
        (0x20, EIGHT, None),  # compressed
        (0x28, EIGHT, None),
        (0x3A, EIGHT, 2),
        (0x40, SEVEN, None),  # to be deleted once read
        (0x48, UCS2, None),
        (0x54, EIGHT, 0),
        (0x58, UCS2, 0),
        (0x60, EIGHT, None),
        (0x80, SEVEN, None),  # reserved groups
        (0x88, SEVEN, None),
        (0xB4, SEVEN, None),
        (0xC0, SEVEN, None),  # message waiting
        (0xC8, SEVEN, None),
        (0xD8, SEVEN, None),
        (0xE0, UCS2, None),
        (0xE8, UCS2, None),
        (0xF0, SEVEN, 0),
        (0xF2, SEVEN, 2),
        (0xF4, EIGHT, 0),
        (0xF5, EIGHT, 1),
    ],
)
def test_data_coding_schemes(dcs: int, alphabet: Alphabet | None, message_class: int | None) -> None:
    user_data, text = {
        SEVEN: ("0AE8329BFD4697D9EC37", "hellohello"),
        EIGHT: ("0400FF61C3", "00FF61C3"),
        UCS2: ("08006800E9D83DDE00", "hé😀"),
    }[alphabet]
    read = deliver(user_data, dcs=dcs)
    assert (read.alphabet, read.message_class, read.text, read.dcs) == (alphabet, message_class, text, dcs)


def test_every_data_coding_scheme_can_be_read() -> None:
    for dcs in range(256):
        assert deliver("0461F1F8F0", dcs=dcs).dcs == dcs


@pytest.mark.parametrize(
    ("user_data", "concat"),
    [
        ("080100", None),  # half an element
        ("08050003AB0302C2", Concat(0xAB, 8, 3, 2)),
        ("0906080412340302C2", Concat(0x1234, 16, 3, 2)),
        ("08050003AB0301C2", Concat(0xAB, 8, 3, 1)),
        ("08050003AB0303C2", Concat(0xAB, 8, 3, 3)),
        ("08050003AB0101C2", Concat(0xAB, 8, 1, 1)),
        ("08050003AB0300C2", None),  # part 0
        ("08050003AB0304C2", None),  # part 4 of 3
        ("08050003AB0000C2", None),  # of none
        ("0805000403AB0302", None),  # an element longer than its header
        ("0805000203AB03C2", None),  # one octet left over
        ("0804000203AB", None),  # of the wrong length
        ("0803000103", None),
        ("08020000", None),
        ("0806000412340302", None),
        ("08050803120302", None),
    ],
)
def test_concatenation(user_data: str, concat: Concat | None) -> None:
    # As 8-bit data, where TP-UDL counts octets.
    data = bytes.fromhex(user_data)[1:]
    read = deliver(f"{len(data):02X}{data.hex()}", first=0x44, dcs=0x04)
    assert read.concat == concat
    assert read.text == data[data[0] + 1 :].hex().upper()


def test_unknown_elements_are_skipped() -> None:
    header = bytes.fromhex("0B05040B8423F00003070201")
    data = header + b"\x01\x02"
    assert deliver(f"{len(data):02X}{data.hex()}", first=0x44, dcs=0x04).concat == Concat(7, 8, 2, 1)


def test_of_two_concatenations_the_last_counts() -> None:
    for header, concat in [
        ("0B0003070201080400090302", Concat(9, 16, 3, 2)),
        ("0B0804000903020003070201", Concat(7, 8, 2, 1)),
        ("1000030702010804000903020003050202", Concat(5, 8, 2, 2)),
        ("0B0003070201080400090004", Concat(7, 8, 2, 1)),  # an invalid one is ignored
        ("0B0003070201080500090302", None),  # one beyond the end: none of them counts
    ]:
        data = bytes.fromhex(header)
        assert deliver(f"{len(data):02X}{data.hex()}", first=0x44, dcs=0x04).concat == concat


@pytest.mark.parametrize("length", range(1, 16))
def test_gsm7_after_headers_of_every_length(length: int) -> None:
    header = bytes(
        [length - 1, *([0x70, length - 3, *range(length - 3)] if length >= 3 else [0] * (length - 1))]
    )
    for text in ("", "a", "@", "1234567@", "hello € @"):
        codes = text.encode("gsm03.38")
        bits = "".join(f"{octet:08b}"[::-1] for octet in header)
        bits += "0" * (-len(bits) % 7) + "".join(f"{code:07b}"[::-1] for code in codes)
        septets = len(bits) // 7
        octets = bytes(int(bits[start : start + 8][::-1], 2) for start in range(0, len(bits), 8))
        assert deliver(f"{septets:02X}{octets.hex()}", first=0x44).text == text


@pytest.mark.parametrize(
    ("header", "codes", "text"),
    [
        ("03240101", b"\x1bg\x1b\x67", "ğğ"),
        ("03250101", b"\x0c", "ğ"),
        ("03240102", b"\x1ba", "á"),
        ("06240103250103", b"\x1b\x7f\x06", "âú"),
        ("03240199", b"\x1be", "€"),
        ("0424020101", b"\x1bg", "g"),  # an element of the wrong length
    ],
)
def test_national_languages(header: str, codes: bytes, text: str) -> None:
    head = bytes.fromhex(header)
    bits = "".join(f"{octet:08b}"[::-1] for octet in head)
    bits += "0" * (-len(bits) % 7) + "".join(f"{code:07b}"[::-1] for code in codes)
    octets = bytes(int(bits[start : start + 8][::-1], 2) for start in range(0, len(bits), 8))
    assert deliver(f"{len(bits) // 7:02X}{octets.hex()}", first=0x44).text == text


def test_half_of_a_surrogate_pair_is_kept_in_a_part_only() -> None:
    assert deliver("0A0500030702010061D83D", first=0x44, dcs=0x08).text == "a\ud83d"
    assert deliver("040061D83D", dcs=0x08).text == "a\ufffd"
    assert deliver("050061006200", dcs=0x08).text == "ab"


def test_a_reserved_kind_is_read_as_a_deliver() -> None:
    assert deliver(first=0x07).text == "a"


@pytest.mark.parametrize("size", [160, 70])
def test_a_full_part_is_read_completely(size: int) -> None:
    if size == 160:
        pdu = "A0" + second_opinion.packSeptets(bytearray(b"@" * 160)).hex()
        assert deliver(pdu).text == "¡" * 160
    else:
        assert deliver("8C" + "00E7" * 70, dcs=0x08).text == "ç" * 70


@pytest.mark.parametrize(
    ("pdu", "reason"),
    [
        ("", "cut off"),
        ("0", "hexadecimal"),
        ("xyz", "hexadecimal"),
        ("٠٠", "hexadecimal"),
        ("00", "cut off"),
        ("FF" * 176, "SMSC address of 255"),
        ("0D" + "00" * 100, "SMSC address of 13"),
        ("07911326", "cut off"),
        ("0021000B912273103254F600000AE8329BFD4697D9EC37", "SUBMIT"),
        ("00040B912273103254F6000062111221436500" + "0AE8329BFD4697D9EC", "cut off"),
        ("00040B912273103254F6000862111221436500" + "0400610", "hexadecimal"),
        ("00440B912273103254F6000862111221436500" + "0405000301", "header"),
        ("00440B912273103254F6000862111221436500" + "06050003010203", None),
        ("0006", "cut off"),
        ("00060A0B912273103254F66211122143650062111221436500", "cut off"),
    ],
)
def test_invalid_pdus(pdu: str, reason: str | None) -> None:
    if reason is None:
        assert isinstance(parse(pdu), Deliver)
    else:
        with pytest.raises(TpduError, match=reason):
            parse(pdu)


@given(st.text(alphabet=GSM7_AS_THE_SECOND_OPINION_HAS_IT, min_size=1, max_size=400), st.integers(0, 255))
@example("@" * 160, 0)
@example("1234567@", 0)
def test_pdus_of_gsmmodem_are_read(text: str, reference: int) -> None:
    pdus = second_opinion.encodeSmsSubmitPdu(MALI, text, reference=reference, requestStatusReport=False)
    parts = []
    for seq, pdu in enumerate(pdus, 1):
        octets = bytes.fromhex(str(pdu))
        address, coding, user_data = octets[3:11], octets[11:13], octets[13:]
        first = octets[1] & 0x40 | 0x04
        read = parse(f"00{first:02X}{address.hex()}{coding.hex()}{SCTS}{user_data.hex()}")
        assert isinstance(read, Deliver)
        assert read.sender == MALI
        assert read.concat == (Concat(reference, 8, len(pdus), seq) if len(pdus) > 1 else None)
        parts.append(read.text)
    assert "".join(parts) == text


# --- SMS-STATUS-REPORT --------------------------------------------------------------------------------


def report(
    status: str = "00", *, discharged: str = "62111221436500", tail: str = "", first: str = "06"
) -> StatusReport:
    """Read an SMS-STATUS-REPORT with these digits in it."""
    read = parse(f"00{first}A50B912273103254F662111221436500{discharged}{status}{tail}")
    assert isinstance(read, StatusReport)
    return read


def test_a_status_report_is_read() -> None:
    assert report(discharged="62111221537500") == StatusReport(
        smsc="",
        reference=0xA5,
        recipient=MALI,
        service_centre_at=datetime(2026, 11, 21, 12, 34, 56, tzinfo=UTC),
        discharged_at=datetime(2026, 11, 21, 12, 35, 57, tzinfo=UTC),
        status=0,
    )


def test_a_status_report_of_a_zte_is_read() -> None:
    # The SMSC address is nonsense, and so is the first digit of the recipient.
    read = parse("0297F1061C0F910B487228297020F5317062419272803170624192138000")
    assert isinstance(read, StatusReport)
    assert read.reference == 0x1C
    assert read.recipient.endswith("8427829207025")
    assert read.status == 0
    assert read.discharged_at == datetime(2013, 7, 26, 12, 29, 31, tzinfo=UTC)


@pytest.mark.parametrize("tail", ["", "00", "0700000161", "03", "FFFFFF"])
def test_optional_parameters_change_nothing(tail: str) -> None:
    assert report(tail=tail) == report()


@pytest.mark.parametrize("discharged", ["00000000000000", "FFFFFFFFFFFFFF", "62209221436500"])
def test_an_impossible_discharge_time_is_none(discharged: str) -> None:
    read = report("46", discharged=discharged)
    assert read.discharged_at is None
    assert read.service_centre_at is not None
    assert read.status == 0x46


AT = datetime(2026, 11, 21, 12, 34, 56)  # noqa: DTZ001 - a clock reading


def stamped(taken: str, discharged: str) -> StatusReport:
    read = parse(f"0006A50B912273103254F6{taken}{discharged}00")
    assert isinstance(read, StatusReport)
    return read


@pytest.mark.parametrize(
    "zone", [*NO_ZONES, "9F", "7F", "95", "85"]
)  # the decimal ones are no real time zones
def test_a_garbled_time_zone_is_taken_from_the_discharge_time(zone: str) -> None:
    read = stamped(f"621112214365{zone}", "6211122153758A")
    assert read.service_centre_at == AT.replace(tzinfo=timezone(timedelta(hours=-7)))
    assert read.service_centre_clock is None


@pytest.mark.parametrize("zone", NO_ZONES)
@pytest.mark.parametrize(
    "discharged", ["00000000000000", "FFFFFFFFFFFFFF", "622013214365 00", "621112215375E1"]
)
def test_a_status_report_without_a_time_zone_keeps_date_and_time(zone: str, discharged: str) -> None:
    read = stamped(f"621112214365{zone}", discharged.replace(" ", ""))
    assert (read.service_centre_at, read.service_centre_clock) == (None, AT)
    assert read.discharged_at is None


def test_a_garbled_discharge_time_zone_is_taken_from_the_service_centre_time() -> None:
    read = stamped("6211122143650A", "621112215375C2")
    assert read.discharged_at == datetime(2026, 11, 21, 12, 35, 57, tzinfo=timezone(timedelta(hours=-5)))


def test_kinds_of_status() -> None:
    kinds = [report(f"{status:02X}").kind for status in range(256)]
    assert kinds[0x00:0x20] == [ReportKind.DELIVERED] * 0x20
    assert kinds[0x20:0x40] == [ReportKind.PENDING] * 0x20
    assert kinds[0x40:] == [ReportKind.FAILED] * 0xC0


# --- Whatever comes -----------------------------------------------------------------------------------

VALID = [
    "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07",
    "00440B912273103254F60008621112214365000E0500030702010061D83DDE00D83D",
    "0044 14D0CFF79B9E3ECD6F31BBBD2E 0000 62111221436500 0A 03240101 B6B90D".replace(" ", ""),
    "00440B912273103254F600F5621112214365000C0B05040B8423F0000307020101",
    "0006A50B912273103254F6621112214365006211122143650000",
    "0006A50B912273103254F66211122143650062111221436500300700000161",
]


def read_or_refuse(pdu_hex: str) -> None:
    """Only TpduError is raised, and a result has valid fields."""
    try:
        read = parse(pdu_hex)
    except TpduError:
        return
    if isinstance(read, StatusReport):
        assert isinstance(read.kind, ReportKind)
        times = [read.service_centre_at, read.discharged_at]
    else:
        times = [read.sent_at]
        if read.concat is None:
            read.text.encode()
        else:
            assert 1 <= read.concat.seq <= read.concat.total
    for time in times:
        assert time is None or time.utcoffset() is not None


def test_the_valid_ones_are_valid() -> None:
    for pdu in VALID:
        parse(pdu)


def test_a_pdu_cut_anywhere() -> None:
    for pdu in VALID:
        for end in range(len(pdu)):
            read_or_refuse(pdu[:end])


@given(st.text())
def test_any_string(text: str) -> None:
    read_or_refuse(text)


@given(st.text(alphabet="0123456789ABCDEF", max_size=400))
def test_any_digits(digits: str) -> None:
    read_or_refuse(digits)


@given(st.sampled_from(VALID), st.data())
def test_a_pdu_with_some_octets_changed(pdu: str, data: st.DataObject) -> None:
    octets = bytearray.fromhex(pdu)
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    read_or_refuse(octets.hex())


@given(st.binary(max_size=200), st.sampled_from([0x04, 0x44]), st.integers(0, 255))
def test_any_user_data(user_data: bytes, first: int, dcs: int) -> None:
    read_or_refuse(f"00{first:02X}0B912273103254F600{dcs:02X}{SCTS}{user_data.hex()}")


def test_a_huge_string() -> None:
    read_or_refuse("00" * 1_000_000)
    read_or_refuse("z" * 1_000_000)
