"""From bytes to a JSON object: whatever the bytes, one of two ends."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.bodies import fingerprint, json_object
from gatewayd.errors import InvalidRequestError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.binary() | st.text().map(str.encode) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_an_object_or_a_fault_of_the_body(raw: bytes) -> None:
    with suppress(InvalidRequestError):
        content = json_object(raw)
        assert isinstance(content, dict)
        assert len(fingerprint("/x", content)) == 32


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"[]", "object"),
        (b"null", "object"),
        (b'"{}"', "object"),
        (b"{", "not JSON"),
        (b"{}{}", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b"recipient=70123456&message=x", "not JSON"),
        (b'{"a": "\n"}', "not JSON"),
        (b'{"a": "\xe9"}', "byte 7"),
        (b'{"a": "\xed\xa0\x80"}', "UTF-8"),  # half a surrogate pair, encoded as if it were a character
        ('{"a": 1}'.encode("utf-16"), "UTF-16"),
        ('{"a": 1}'.encode("utf-16-le"), "UTF-16"),
        ('{"a": 1}'.encode("utf-16-be"), "UTF-16"),
        ('{"a": 1}'.encode("utf-32"), "UTF-32"),
        (b'{"a": NaN}', "number"),
        (b'{"a": Infinity}', "number"),
        (b'{"a": -Infinity}', "number"),
        (b'{"a": ' + b"9" * 5000 + b"}", "number"),
        (b'{"a": ' + b"[" * 200_000, "deep"),
        (b'{"a": ' * 200_000, "deep"),
    ],
)
def test_what_is_no_json_object_is_told_plainly(raw: bytes, word: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        json_object(raw)
    (fault,) = caught.value.faults
    assert fault.field == "body"
    assert word in fault.message


@pytest.mark.parametrize(
    ("raw", "content"),
    [
        (b'{"a": 1, "a": 2}', {"a": 2}),  # the last one counts
        ('\ufeff{"é": "ü"}'.encode(), {"é": "ü"}),
        (b'{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
        (b' {"a": 1e999} ', {"a": float("inf")}),
    ],
)
def test_what_json_allows_is_read(raw: bytes, content: dict[str, Any]) -> None:
    assert json_object(raw) == content


def test_the_fingerprint_is_of_what_is_said_and_not_of_how() -> None:
    one = json_object(b'{"recipient":"70123456","message":"\xc3\xa9"}')
    other = json_object(b'{ "message": "\\u00e9", "recipient": "70123456" }')
    assert fingerprint("/api/sms/send", one) == fingerprint("/api/sms/send", other)
    assert fingerprint("/api/sms/send", one) != fingerprint("/api/sms/send-bulk", one)
    assert fingerprint("/api/sms/send", one) != fingerprint("/api/sms/send", one | {"x": None})


def test_half_a_surrogate_pair_has_a_fingerprint() -> None:
    assert fingerprint("/x", json_object(b'{"\\ud800": "\\udfff"}'))
