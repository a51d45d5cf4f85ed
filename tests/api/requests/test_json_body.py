"""Any bytes give a JSON object or an InvalidRequestError."""

from __future__ import annotations

import gzip
import json
import zlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.requests.json_body import body, fingerprint, json_object
from api.responses.errors import EncodedBodyError, refusal
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
def test_a_body_without_a_json_object_names_the_fault(raw: bytes, word: str) -> None:
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
def test_all_valid_json_is_accepted(raw: bytes, content: dict[str, Any]) -> None:
    assert json_object(raw) == content


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\x01\x02\x03 no text of any encoding",
        b"{\x00}",
        b"\xff\xfe\x00",
        "plain".encode("utf-16"),
        b"\x00\x00\x00\x00",
        b"PK\x03\x04\x14\x00\x00\x00",
    ],
)
def test_bytes_that_are_no_json_in_utf_16_are_not_reported_as_utf_16(raw: bytes) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        json_object(raw)
    assert "UTF-16" not in caught.value.faults[0].message


CONTENT = b'{"recipient": "70123456", "message": "x"}'


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip", "br", "deflate", "zstd", "gzip, identity", "x"])
def test_a_body_with_a_content_coding_is_refused_unread(coding: str) -> None:
    def read() -> bytes:
        raise AssertionError("nothing is to be read")

    with pytest.raises(EncodedBodyError) as caught:
        body({"HTTP_CONTENT_ENCODING": coding}, read)
    answer = refusal(caught.value)
    assert (answer.status, answer.code, answer.headers) == (
        415,
        "invalid_request",
        {"Accept-Encoding": "identity"},
    )
    assert answer.data["errors"] == [
        {"field": "body", "message": f"is encoded ({coding}); send it as it is, without Content-Encoding"}
    ]


@pytest.mark.parametrize(
    "raw",
    [
        gzip.compress(CONTENT, mtime=0),
        zlib.compress(CONTENT),
        zlib.compress(CONTENT, 1),
        zlib.compress(CONTENT, 9),
    ],
)
def test_a_compressed_body_without_a_header_is_reported_as_compressed(raw: bytes) -> None:
    with pytest.raises(EncodedBodyError) as caught:
        body({}, lambda: raw)
    assert "is compressed" in caught.value.faults[0].message


@pytest.mark.parametrize("coding", ["", "identity", "Identity", " "])
def test_a_body_without_a_coding_is_read(coding: str) -> None:
    assert body({"HTTP_CONTENT_ENCODING": coding}, lambda: CONTENT) == CONTENT


def test_the_fingerprint_is_of_the_content_and_not_of_its_form() -> None:
    one = json_object(b'{"recipient":"70123456","message":"\xc3\xa9"}')
    other = json_object(b'{ "message": "\\u00e9", "recipient": "70123456" }')
    assert fingerprint("/api/sms/send", one) == fingerprint("/api/sms/send", other)
    assert fingerprint("/api/sms/send", one) != fingerprint("/api/sms/send-bulk", one)
    assert fingerprint("/api/sms/send", one) != fingerprint("/api/sms/send", one | {"x": None})


def test_half_a_surrogate_pair_has_a_fingerprint() -> None:
    assert fingerprint("/x", json_object(b'{"\\ud800": "\\udfff"}'))
