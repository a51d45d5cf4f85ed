"""The fields of a part that identify it in a modem's memory."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modem.sms import tpdu
from modem.sms.segmentation import segment
from modem.sms.submit_fingerprint import fingerprint

TEXTS = st.text(min_size=1, max_size=60).filter(lambda text: text.isprintable())
NUMBERS = st.from_regex(r"\+[1-9][0-9]{7,13}", fullmatch=True)


def pdu(text: str, number: str, **options: Any) -> str:
    return tpdu.submit(number, segment(text)[0], seq=1, total=1, reference=1, **options).hex


@given(TEXTS, NUMBERS, st.integers(0, 255), st.integers(1, 10**7))
def test_fields_that_a_modem_may_change_do_not_count(
    text: str, number: str, reference: int, validity: int
) -> None:
    changed = pdu(text, number, message_reference=reference, validity_s=validity)
    assert fingerprint("07912273009099F9" + changed[2:]) == fingerprint(pdu(text, number))


@given(TEXTS, TEXTS, NUMBERS, NUMBERS)
def test_another_text_or_recipient_is_another_part(one: str, two: str, first: str, second: str) -> None:
    same = segment(one)[0] == segment(two)[0] and first == second
    assert (fingerprint(pdu(one, first)) == fingerprint(pdu(two, second))) is same


@given(st.one_of(st.text(max_size=40), st.binary(max_size=60).map(bytes.hex)))
def test_any_string_is_read_without_an_error(said: str) -> None:
    found = fingerprint(said)
    assert found is None or found
