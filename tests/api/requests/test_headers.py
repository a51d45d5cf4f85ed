"""Parsing `Prefer` (RFC 7240), `Idempotency-Key`, and the two headers of an API key."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.access.authentication import presented_key
from api.requests.headers import Preferences, idempotency_key, preferences

LATIN_1 = st.text(st.characters(max_codepoint=0xFF))


@given(LATIN_1 | st.text(alphabet='wait=respond-async,;"\\ 0123456789'))
def test_any_prefer_header_is_read_without_an_error(header: str) -> None:
    expected = preferences(header)
    assert expected.wait_s is None or expected.wait_s >= 0


@given(LATIN_1 | st.text(alphabet='ab"\\ '))
def test_any_idempotency_key_is_accepted_or_refused_with_a_text(header: str) -> None:
    with suppress(ValueError):
        key = idempotency_key(header)
        assert 1 <= len(key) <= 255
        assert all("\x21" <= character <= "\x7e" for character in key)


def test_long_headers_are_read_in_linear_time() -> None:
    for piece in (" ", "=", '"', "\\", ",", "a ", 'a="', "a=b;", 'a="\\', "a =  "):
        preferences(piece * (60_000 // len(piece)))
        preferences("a=" + piece * (60_000 // len(piece)))
        preferences("a" + piece * (60_000 // len(piece)) + "!(")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", Preferences()),
        ("respond-async", Preferences(respond_async=True)),
        ("Respond-Async", Preferences(respond_async=True)),
        ("wait=10", Preferences(wait_s=10)),
        ("WAIT = 10", Preferences(wait_s=10)),
        ('wait="10"', Preferences(wait_s=10)),
        ("wait=0", Preferences(wait_s=0)),
        ("wait=5, wait=9", Preferences(wait_s=5)),  # only the first counts
        ("respond-async, wait=5", Preferences(respond_async=True, wait_s=5)),
        ("foo; bar=1, respond-async; x=y, wait=7;z", Preferences(respond_async=True, wait_s=7)),
        ('foo="a, wait=9", wait=3', Preferences(wait_s=3)),
        ('foo="a\\", wait=9", wait=3', Preferences(wait_s=3)),
        ('foo=""; some-parameter, return=minimal', Preferences()),
        (",, ,wait=4,", Preferences(wait_s=4)),
        ("wait", Preferences()),
        ("wait=", Preferences()),
        ("wait=-1", Preferences()),
        ("wait=1.5", Preferences()),
        ("wait=ten", Preferences()),
        ("wait 10", Preferences()),
        ("respond-async=10s x", Preferences()),
        ("wait=" + "9" * 5000, Preferences(wait_s=10**9)),
    ],
)
def test_prefer(header: str, expected: Preferences) -> None:
    assert preferences(header) == expected


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ('"8e03978e"', "8e03978e"),
        (r'"a\"b\\c"', r'a"b\c'),
        ('a"b', 'a"b'),
        ("!", "!"),
        ("x" * 255, "x" * 255),
        (" spaced ", "spaced"),
    ],
)
def test_an_idempotency_key_is_plain_or_in_quotes(header: str, key: str) -> None:
    assert idempotency_key(header) == key


@pytest.mark.parametrize(
    "header",
    ["", '""', '"', '"a', '"a"b', '"a";p=1', "a b", '"a b"', "x" * 256, "é", "a\tb", r'"a\b"', "a, b"],
)
def test_a_malformed_idempotency_key_is_refused(header: str) -> None:
    with pytest.raises(ValueError, match="must "):
        idempotency_key(header)


@pytest.mark.parametrize(
    ("x_api_key", "authorization", "key"),
    [
        (None, None, None),
        ("", None, None),
        ("  ", "", None),
        ("k", None, "k"),
        ("k", "Bearer b", "k"),
        ("", "Bearer b", "b"),
        (None, "Bearer b", "b"),
        (None, "bEARER   b ", "b"),
        (None, "Bearer", None),
        (None, "Bearer  ", None),
        (None, "Basic b", None),
        (None, "b", None),
        (None, "BearerX b", None),
    ],
)
def test_the_key_that_counts(x_api_key: str | None, authorization: str | None, key: str | None) -> None:
    assert presented_key(x_api_key, authorization) == key


@given(st.none() | LATIN_1, st.none() | LATIN_1)
def test_any_two_headers_give_a_key_or_none(x_api_key: str | None, authorization: str | None) -> None:
    assert presented_key(x_api_key, authorization) != ""
