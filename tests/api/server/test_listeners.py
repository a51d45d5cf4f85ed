"""Listening sockets: all addresses of a name, and every address of a list."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from flask import Flask

from api.server.listeners import ListenError
from api.server.server import Server
from config.settings import ApiSettings
from tests.api.server.test_http_server import DEADLINE_S, read_all
from tests.conftest import free_port

V4, V6 = "127.0.0.1", "::1"
ANY = "0.0.0.0"  # noqa: S104


@pytest.fixture
def listening() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def listening(listen: str | Sequence[str]) -> Server:
        servers.append(Server(Flask(__name__), ApiSettings.model_validate({"listen": listen, "threads": 1})))
        servers[-1].bind()
        servers[-1].start()
        return servers[-1]

    yield listening
    for server in servers:
        assert server.stop(DEADLINE_S)


def answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=DEADLINE_S) as client:
            client.sendall(b"GET /x HTTP/1.0\r\n\r\n")
            return b" 404 " in read_all(client)
    except ConnectionRefusedError:
        return False


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        ("*", [V4, V6]),
        ("[::]", [V4, V6]),
        ("[0:0::0]", [V4, V6]),
        ("localhost", [V4, V6]),
        ("LOCALHOST", [V4, V6]),
        (ANY, [V4]),
        (V4, [V4]),
        (f"[{V6}]", [V6]),
        (f"[::ffff:{V4}]", [V4]),
    ],
)
@pytest.mark.parametrize("any_port", [True, False])
def test_all_addresses_of_a_host_are_listened_on_with_one_port(
    listening: Callable[..., Server], host: str, reached: list[str], any_port: bool
) -> None:
    server = listening(f"{host}:{0 if any_port else free_port()}")
    (port,) = {address.port for address in server.addresses}
    assert [each for each in (V4, V6) if answers(each, port)] == reached


def test_a_list_is_listened_on_one_by_one(listening: Callable[..., Server]) -> None:
    first, second = free_port(), free_port()
    listening([f"{V4}:{first}", f"[{V6}]:{second}", f"127.0.0.2:{second}"])
    assert answers(V4, first)
    assert answers(V6, second)
    assert answers("127.0.0.2", second)
    assert not answers(V6, first)
    assert not answers(V4, second)


@pytest.mark.parametrize(
    "hosts",
    [
        ["*", V4],
        [V4, "*"],
        [ANY, "[::]"],
        ["[::]", ANY, "localhost"],
        ["localhost", V4, f"[{V6}]"],
        ["localhost", "LOCALHOST"],
    ],
)
def test_an_address_that_is_configured_twice_is_listened_on_once(
    listening: Callable[..., Server], hosts: list[str]
) -> None:
    port = free_port()
    listening([f"{host}:{port}" for host in hosts])
    assert answers(V4, port)
    assert answers(V6, port)


def link_local() -> str | None:
    """A link-local address of this machine, with its interface."""
    for line in Path("/proc/net/if_inet6").read_text().splitlines():
        digits, *_, interface = line.split()
        if digits.startswith("fe80"):
            return f"{':'.join(digits[at : at + 4] for at in range(0, 32, 4))}%{interface}"
    return None


def test_a_link_local_address_is_listened_on_with_its_interface(listening: Callable[..., Server]) -> None:
    host = link_local()
    if host is None:
        pytest.skip("this machine has no link-local address")
    server = listening(f"[{host}]:0")
    (address,) = server.addresses
    assert answers(host, address.port)
    with pytest.raises(ListenError, match=r"needs its interface, as \[fe80::1%eth0\]"):
        listening(f"[{host.partition('%')[0]}]:0")
    with pytest.raises(ListenError, match=r"cannot listen on .*%nowhere0"):
        listening(f"[{host.partition('%')[0]}%nowhere0]:0")


@pytest.mark.parametrize(("taken", "address_text"), [(V4, f"{V4}:PORT"), (V6, f"[{V6}]:PORT")])
def test_a_port_in_use_is_named_in_the_error_and_no_socket_stays_open(
    listening: Callable[..., Server], taken: str, address_text: str
) -> None:
    port, other = free_port(), free_port()
    family = socket.AF_INET6 if ":" in taken else socket.AF_INET
    before = len(os.listdir("/proc/self/fd"))
    with socket.create_server((taken, port), family=family):
        for listen in (f"localhost:{port}", [f"{V4}:{other}", f"localhost:{port}"]):
            with pytest.raises(ListenError) as caught:
                listening(listen)
            expected = f"cannot listen on localhost:{port} ({address_text.replace('PORT', str(port))}): Address already in use"
            assert str(caught.value) == expected
        with pytest.raises(
            ListenError, match=rf"cannot listen on \*:{port} \(.*:{port}\): Address already in use"
        ):
            listening(f"*:{port}")
    assert len(os.listdir("/proc/self/fd")) == before
    listening(f"{V4}:{other}")


def test_an_unknown_name_is_named_in_the_error(listening: Callable[..., Server]) -> None:
    with pytest.raises(ListenError, match=r"cannot listen on no\.such\.host\.invalid:80: "):
        listening("no.such.host.invalid:80")


def test_no_descriptor_of_many_listeners_is_left_behind() -> None:
    before = len(os.listdir("/proc/self/fd"))
    bound = Server(Flask(__name__), ApiSettings(listen="*:0"))
    bound.bind()
    assert bound.stop(0)
    started = Server(Flask(__name__), ApiSettings(listen=("*:0", "localhost:0"), threads=1))
    started.bind()
    started.start()
    assert all(answers(V4 if "." in host else V6, port) for host, port in started.addresses)
    assert started.stop(DEADLINE_S)
    assert len(os.listdir("/proc/self/fd")) == before
