"""The simulated network's codec, compared with others (23.038, 23.040)."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta, timezone

import gsm0338
import pytest
from gsmmodem import pdu as second_opinion
from hypothesis import given
from hypothesis import strategies as st

from modem.simulator.core import alphabet, tpdu

NOW = datetime(2026, 11, 22, 10, 30, 59, tzinfo=UTC)
CENTRE = tpdu.service_centre("+22370009999")
GSM_TEXT = st.text("".join(alphabet._CODES), max_size=400)  # noqa: SLF001


@given(GSM_TEXT)
def test_the_alphabet_agrees_with_another(text: str) -> None:
    septets = alphabet.septets_of(text)
    assert septets == text.encode("gsm03.38")
    assert alphabet.text_of(septets) == text


def test_the_other_alphabet_is_registered() -> None:
    assert gsm0338.Codec is not None


@given(st.binary(max_size=160), st.integers(0, 6))
def test_packing_and_back(octets: bytes, fill: int) -> None:
    septets = bytes([octet & 0x7F for octet in octets])
    assert alphabet.unpack(alphabet.pack(septets, fill), len(septets), fill) == septets


@given(st.binary(max_size=200))
def test_arbitrary_octets_are_a_submit_or_refused(octets: bytes) -> None:
    with contextlib.suppress(tpdu.RefusedTpduError):
        submit = tpdu.parse_submit(octets)
        submit.text()
        submit.concatenation()


@given(st.one_of(GSM_TEXT, st.text(st.characters(exclude_categories=["Cs"]), max_size=300)))
def test_a_text_from_a_phone_is_whole_in_its_parts(text: str) -> None:
    parts = [
        tpdu.read_deliver(octets) for octets in tpdu.deliver_text("+22376000000", text, NOW, reference=7)
    ]
    assert all(len(part.user_data) <= 140 for part in parts)
    shown = [tpdu.decode(part.dcs, part.header, part.user_data_length, part.user_data) for part in parts]
    assert "".join(shown) == text
    assert not any(piece.encode("utf-16", "surrogatepass")[-1:] == b"\xd8" for piece in shown)


@pytest.mark.parametrize("sender", ["+22376000000", "36111", "OrangeMoney"])
@pytest.mark.parametrize("text", ["Bonjour", "ça va?", "€" * 200])
def test_another_codec_reads_a_delivered_text(sender: str, text: str) -> None:
    octets = tpdu.deliver_text(sender, text, NOW, reference=7)
    read = [second_opinion.decodeSmsPdu((CENTRE + part).hex()) for part in octets]
    assert {each["number"] for each in read} == {sender}
    assert "".join([each["text"] for each in read]) == text
    assert read[0]["time"] == NOW
    assert read[0]["smsc"] == "+22370009999"


def test_another_codec_reads_a_report() -> None:
    submit = tpdu.parse_submit(bytes.fromhex("31000B912263000000F10000AA07C2B75BFDAECB01"))
    report = tpdu.status_report(submit, 200, NOW, NOW + timedelta(seconds=3), 0x46)
    read = second_opinion.decodeSmsPdu((CENTRE + report).hex())
    assert (read["type"], read["reference"], read["number"], read["status"]) == (
        "SMS-STATUS-REPORT",
        200,
        "+22360000001",
        0x46,
    )
    assert (read["time"], read["discharge"]) == (NOW, NOW + timedelta(seconds=3))


@pytest.mark.parametrize(("quarters", "octet"), [(0, "00"), (4, "40"), (23, "32"), (-14, "49")])
def test_zones_are_quarters_of_an_hour(quarters: int, octet: str) -> None:
    moment = NOW.astimezone(timezone(timedelta(minutes=15 * quarters)))
    assert tpdu.timestamp(moment)[6:].hex() == octet


@pytest.mark.parametrize(
    ("octet", "seconds"),
    [(0, 300), (143, 43200), (167, 86400), (168, 2 * 86400), (196, 30 * 86400), (255, 63 * 604800)],
)
def test_relative_validity(octet: int, seconds: int) -> None:
    submit = tpdu.parse_submit(bytes.fromhex(f"11000B912263000000F10000{octet:02X}00"))
    assert submit.validity_s == seconds
