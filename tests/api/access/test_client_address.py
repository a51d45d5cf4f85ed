"""The address of a client: X-Forwarded-For counts only from trusted proxies."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.access.client_address import UNKNOWN, client_address, client_group, parsed

PROXIES = (ip_network("127.0.0.1"), ip_network("10.0.0.0/24"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.1", "192.0.2.1"),  # this peer is not trusted
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "127.0.0.1, 198.51.100.1", "198.51.100.1"),  # the client made up the left one
        ("127.0.0.1", "203.0.113.9, 198.51.100.1, 10.0.0.7", "198.51.100.1"),
        ("::ffff:127.0.0.1", " 198.51.100.1:4711 ", "198.51.100.1"),
        ("fd00::1%eth0", "[2001:db8::1]:4711", "2001:db8::1"),
        ("127.0.0.1", "10.0.0.1, 10.0.0.2", "10.0.0.1"),
        ("127.0.0.1", "unknown", None),
        ("127.0.0.1", "198.51.100.1,", None),
        ("127.0.0.1", "198.51.100.1, 127.0.0.1.", None),
        ("", "198.51.100.1", None),
    ],
)
def test_the_nearest_address_that_is_not_a_trusted_proxy_counts(
    peer: str, forwarded_for: str, client: str | None
) -> None:
    expected = None if client is None else ip_address(client)
    assert client_address(peer, forwarded_for, PROXIES) == expected


@given(st.text(), st.text(alphabet=st.characters(min_codepoint=1, max_codepoint=255)))
def test_any_header_gives_an_address_or_none(peer: str, forwarded_for: str) -> None:
    client_address(peer, forwarded_for, PROXIES)
    client_address("127.0.0.1", forwarded_for, PROXIES)


@given(st.text(alphabet="0123456789abcdef.:,[]% "), st.ip_addresses())
def test_a_client_cannot_forge_its_address_behind_a_proxy_that_appends(claim: str, heard: object) -> None:
    address = parsed(str(heard))
    found = client_address("127.0.0.1", f"{claim}, {heard}", PROXIES[:1])
    assert found == address or str(address) == "127.0.0.1"


def test_an_ipv6_64_network_and_an_ipv4_address_count_as_one_client() -> None:
    assert (
        client_group(parsed("2001:db8:1:2:3::4"))
        == client_group(parsed("2001:db8:1:2::"))
        == "2001:db8:1:2::/64"
    )
    assert client_group(parsed("2001:db8:1:3::4")) != client_group(parsed("2001:db8:1:2::"))
    assert client_group(parsed("::ffff:192.0.2.1")) == client_group(parsed("192.0.2.1")) == "192.0.2.1"
    assert client_group(None) == UNKNOWN
