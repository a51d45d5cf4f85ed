"""No webhook reaches the box itself, and only permitted ones reach private addresses."""

from __future__ import annotations

import subprocess
from ipaddress import ip_address, ip_network

import pytest

from gatewayd.webhooks.judge import Judge, is_own
from gatewayd.webhooks.targets import TargetError

NEVER = """
127.0.0.1 127.255.255.254 ::1 0.0.0.0 0.1.2.3 :: 169.254.169.254 fe80::1 febf::1 224.0.0.1 239.255.255.250 ff02::1
255.255.255.255 240.0.0.1 192.0.0.8 192.0.2.1 198.18.0.1 198.51.100.7 203.0.113.9 2001:db8::1 fec0::1 100::1 4000::1
::ffff:127.0.0.1 ::127.0.0.1 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::169.254.169.254 64:ff9b:1::a00:1 2002:7f00:1::1
2002:a9fe:a9fe::1 ::ffff:169.254.169.254 ::ffff:224.0.0.1 ::ffff:255.255.255.255 ::2 ::ffff:0.0.0.0
2001:0:7f00:1::f7f7:f7f7 2001:0:808:808::80ff:fffe 2001:10::1 192.88.99.1
"""
PRIVATE = """
10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.1 192.168.1.20 100.64.0.1 100.127.255.255 fc00::1 fdff::1
::ffff:192.168.1.20 ::192.168.1.20 64:ff9b::10.1.2.3 2002:c0a8:101::1 2001:0:808:808::3f57:feeb
"""
PUBLIC = """
8.8.8.8 172.32.0.1 172.15.0.1 100.63.0.1 100.128.0.1 2606:4700::1111 2a00:1450::1 ::ffff:8.8.8.8 64:ff9b::8.8.8.8
2002:808:808::1 2001:4860::8888
"""


def elsewhere(*allowed: str) -> Judge:
    """A judge on a box without addresses."""
    return Judge(allowed=tuple(map(ip_network, allowed)), own=lambda _: False)


@pytest.mark.parametrize("address", NEVER.split())
def test_these_are_never_reached_whatever_is_allowed(address: str) -> None:
    everything = elsewhere("0.0.0.0/0", "::/0")
    with pytest.raises(TargetError, match="must not lead to"):
        everything.check(address, private=True)


@pytest.mark.parametrize("address", PRIVATE.split())
def test_a_private_address_is_for_administrators_and_named_networks(address: str) -> None:
    with pytest.raises(TargetError, match="private"):
        elsewhere().check(address, private=False)
    with pytest.raises(TargetError, match="private"):
        elsewhere("203.0.113.0/24").check(address, private=False)
    elsewhere().check(address, private=True)
    elsewhere("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7").check(
        address, private=False
    )


@pytest.mark.parametrize("address", PUBLIC.split())
def test_a_public_address_is_for_everybody(address: str) -> None:
    elsewhere().check(address, private=False)


def own_addresses() -> list[str]:
    """The addresses of this machine, as ip(8) lists them, else only loopback."""
    try:
        listed = subprocess.run(["ip", "-o", "addr"], capture_output=True, text=True, check=True, timeout=10)
    except FileNotFoundError:
        return ["127.0.0.1"]
    return [line.split()[3].partition("/")[0] for line in listed.stdout.splitlines()]


def test_every_address_of_this_machine_is_its_own() -> None:
    mine = [ip_address(text) for text in own_addresses()]
    assert [address for address in mine if not address.is_link_local and not is_own(address)] == []


def test_an_own_address_is_refused_also_inside_ipv6() -> None:
    judge = Judge(own=lambda address: str(address) in ("10.1.2.3", "8.8.8.8"))
    for address in ("10.1.2.3", "8.8.8.8", "::ffff:8.8.8.8", "::ffff:10.1.2.3", "64:ff9b::8.8.8.8"):
        with pytest.raises(TargetError, match="of this box"):
            judge.check(address, private=True)


def test_an_address_of_another_machine_is_not_own() -> None:
    assert not is_own(ip_address("8.8.8.8"))
    assert not is_own(ip_address("2606:4700::1111"))
