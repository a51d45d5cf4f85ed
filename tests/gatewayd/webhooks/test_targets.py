"""Only http and https URLs without tricks are taken as targets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.webhooks.targets import Target, TargetError, parse


@pytest.mark.parametrize(
    ("url", "target", "host_header"),
    [
        ("http://example.com", Target("http", "example.com", 80, "/"), "example.com"),
        ("HTTPS://Example.COM/a/b?c=d&e", Target("https", "example.com", 443, "/a/b?c=d&e"), "example.com"),
        ("http://192.168.1.20:8080/x", Target("http", "192.168.1.20", 8080, "/x"), "192.168.1.20:8080"),
        ("https://[2001:DB8::1]:443/", Target("https", "2001:db8::1", 443, "/"), "[2001:db8::1]"),
        ("http://[::1]:81?q", Target("http", "::1", 81, "/?q"), "[::1]:81"),
        ("http://my_box.local/%C3%A9", Target("http", "my_box.local", 80, "/%C3%A9"), "my_box.local"),
    ],
)
def test_a_url_is_taken_apart(url: str, target: Target, host_header: str) -> None:
    assert parse(url) == target
    assert parse(url).host_header == host_header


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http:example.com",
        "http://",
        "http:///x",
        "http://user@example.com/",
        "http://user:word@example.com/",
        "http://:word@example.com/",
        "http://example.com@192.168.1.1/",
        "http://example.com/\r\nX-Injected: 1",
        "http://example.com/\n",
        "http://example.com\t/",
        "http://exa mple.com/",
        "http://example.com/a b",
        "http://exämple.com/",
        "http://example.com/é",
        "http://example.com/#part",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://example.com:/",
        "http://example.com:8a/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://[::g]/",
        "http://exam..ple.com/",
        "http://" + "a" * 64 + ".com/",
        "http://example.com\\@evil/",
        "http://example.com/" + "a" * 2000,
        "http://example.com/\x00",
        "http://example.com/\u2028",
    ],
)
def test_a_url_that_is_no_target_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(TargetError, match=r"^must "):
        parse(url)


@given(st.text(max_size=200) | st.text(max_size=100).map(lambda text: f"http://{text}"))
def test_any_text_is_a_target_or_refused(url: str) -> None:
    try:
        target = parse(url)
    except TargetError:
        return
    for text in (target.path, target.host_header):
        assert text.isascii()
        assert not any(ord(character) <= 0x20 for character in text)
