"""Requests that could be read in two ways (RFC 9112) are refused at once, and the connection is closed. Uses real sockets."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.server.test_http_server import (
    DEADLINE_S,
    LIMIT,
    EchoServer,
    envelope,
    post,
    read_all,
    read_until,
)

SMUGGLED = b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def echo_server() -> Iterator[EchoServer]:
    echo_server = EchoServer()
    yield echo_server
    assert echo_server.server.stop(DEADLINE_S)


def request(*fields: str, version: str = "HTTP/1.1", body: bytes = b"") -> bytes:
    """A POST with these header fields only."""
    return "\r\n".join([f"POST /echo {version}", *fields]).encode("latin-1") + b"\r\n\r\n" + body


def refused(echo_server: EchoServer, data: bytes, status: int) -> None:
    """Check that one response comes before the client ends its side, and that the connection is closed then."""
    answer = echo_server.exchange(data)
    assert len(re.findall(rb"HTTP/1\.[01] [0-9]{3} ", answer)) == 1, (
        "the bytes behind the request were answered too"
    )
    assert b"\r\nConnection: close\r\n" in answer
    document = envelope(answer, status)
    assert document["error"] == ("payload_too_large" if status == 413 else "invalid_request")


CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    "data",
    [
        request("Host: x", "Content-Length: 5", CHUNKED, body=b"0\r\n\r\n" + SMUGGLED),
        request("Host: x", CHUNKED, "Content-Length: 0", body=b"0\r\n\r\n" + SMUGGLED),
        request("Host: x", "Content-Length: 0", "Transfer-Encoding: identity", body=SMUGGLED),
        request("Host: x", CHUNKED, version="HTTP/1.0", body=b"0\r\n\r\n" + SMUGGLED),
        request("Connection: keep-alive", CHUNKED, "Content-Length: 5", version="HTTP/1.0", body=SMUGGLED),
        request("Host: x", "Transfer-Encoding: gzip", version="HTTP/1.0", body=SMUGGLED),
        request("Host: x", "Transfer-Encoding: chunked, gzip", body=SMUGGLED),
        request("Host: x", "Transfer-Encoding: chunked, chunked", body=SMUGGLED),
        request("Host: x", CHUNKED, CHUNKED, body=SMUGGLED),
        request("Host: x", "Transfer-Encoding:", body=SMUGGLED),
        request("Host: x", "Transfer-Encoding: chunked;a=b", body=SMUGGLED),
        request("Host: x", "Transfer-Encoding : chunked", body=SMUGGLED),
        request("Host: x", "Transfer-Encoding: \x0bchunked", body=SMUGGLED),
        request("Host: x", "Content-Length : 5", body=SMUGGLED),
        request("Host: x", "Content-Length: 5", "Content-Length: 5", body=b"hello" + SMUGGLED),
        request("Host: x", "Content-Length: 5", "Content-Length: 6", body=b"hello" + SMUGGLED),
        *(
            request("Host: x", f"Content-Length: {length}", body=SMUGGLED)
            for length in (
                "",
                "+5",
                "-5",
                "5 5",
                "5,5",
                "0x5",
                "5.0",
                "5e0",
                "\xb2",
                "1_0",
                "9" * 5000,
                "\x005",
            )
        ),
    ],
)
def test_a_body_of_ambiguous_length_is_refused(echo_server: EchoServer, data: bytes) -> None:
    refused(echo_server, data, 400)


@pytest.mark.parametrize(
    "coding", ["gzip", "deflate", "identity", "xchunked", "gzip, chunked", "x", "chunked2"]
)
def test_an_unknown_transfer_coding_is_501(echo_server: EchoServer, coding: str) -> None:
    refused(echo_server, request("Host: x", f"Transfer-Encoding: {coding}", body=SMUGGLED), 501)


@pytest.mark.parametrize("coding", ["chunked", "Chunked", "CHUNKED", " \tchunked\t ", ", chunked,"])
def test_chunked_is_accepted_in_any_spelling(echo_server: EchoServer, coding: str) -> None:
    body = b"3;a=b\r\nabc\r\n0002\r\nde\r\n00\r\nTrailer: x\r\n\r\n"
    data = request("Host: x", f"Transfer-Encoding: {coding}", "Connection: close", body=body)
    assert echo_server.exchange(data).endswith(b"\r\n\r\nabcde")


@pytest.mark.parametrize(
    "fields",
    [
        [],
        ["Host: x", "Host: x"],
        ["Host: x", "Host: y"],
        ["Host: x", "X: y", "host: x"],
        *(
            [f"Host: {host}"]
            for host in (
                *(
                    "",
                    "a b",
                    "a,b",
                    "a/b",
                    "user@x",
                    "http://x",
                    "x:y",
                    "x:-1",
                    "x:65536",
                    "x:8000:1",
                    "x:123456",
                    ":8000",
                ),
                *(
                    "[::1",
                    "::1",
                    "[::1]x",
                    "[x]",
                    "[]",
                    "[1.2.3.4]",
                    "[::g]",
                    "x\\y",
                    "<x>",
                    "é",
                    "x?y",
                    "x#y",
                ),
            )
        ),
    ],
)
def test_there_is_one_valid_host(echo_server: EchoServer, fields: list[str]) -> None:
    refused(echo_server, request(*fields, body=SMUGGLED), 400)


@pytest.mark.parametrize(
    "host",
    [
        "x",
        "X.example",
        "x:8000",
        "x:",
        "127.0.0.1:1",
        "[::1]",
        "[::ffff:1.2.3.4]:8000",
        "[fe80::1%25eth0]:80",
        "a_b",
        "x.",
    ],
)
def test_a_host_is_a_name_or_an_address_with_or_without_a_port(echo_server: EchoServer, host: str) -> None:
    answer = echo_server.exchange(
        request(f"Host: {host}", "Connection: close", "Content-Length: 1", body=b"a")
    )
    assert not answer.startswith(b"HTTP/1.1 4")
    assert answer.endswith(b"\r\n\r\na")


def test_http_1_0_needs_no_host_but_may_not_have_two(echo_server: EchoServer) -> None:
    assert echo_server.exchange(request("Content-Length: 1", version="HTTP/1.0", body=b"a")).endswith(
        b"\r\n\r\na"
    )
    refused(echo_server, request("Host: x", "Host: x", version="HTTP/1.0"), 400)


@pytest.mark.parametrize("version", ["HTTP/9.9", "HTTP/2.0", "HTTP/3.0", "HTTP/0.9", "HTTP/0.0"])
def test_another_major_version_is_505(echo_server: EchoServer, version: str) -> None:
    refused(echo_server, request("Host: x", version=version), 505)


def test_the_preface_of_http_2_is_505(echo_server: EchoServer) -> None:
    refused(echo_server, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)


def test_a_later_minor_version_is_one_of_1_1(echo_server: EchoServer) -> None:
    data = request("Host: x", "Connection: close", "Content-Length: 1", version="HTTP/1.7", body=b"a")
    assert echo_server.exchange(data).endswith(b"\r\n\r\na")


@pytest.mark.parametrize(
    "version", ["http/1.1", "HTTP/1", "HTTP/1.10", "HTTP/11.1", "HTTP/ 1.1", "HTTPS/1.1", "", "x"]
)
def test_an_invalid_version_is_refused(echo_server: EchoServer, version: str) -> None:
    refused(echo_server, request("Host: x", version=version), 400)


@pytest.mark.parametrize(
    "beginning",
    [
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"\x80\x2e\x01\x00\x02",  # SSL 2
        b"\x05\x01\x00",  # SOCKS
        b"\x03\x00\x00\x13\x0e",  # RDP
        b"GET / HTTP/1.1\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n",
        b"GET / HTTP/1.1\r\nHost: x\x1b",
        b"\nGET / HTTP/1.1\r\n",
        b" GET / HTTP/1.1\r\n",
        b"GET  / HTTP/1.1\r\n",
        b"GET /\r\n",
        b"GET echo HTTP/1.1\r\n",
        b"get / HTTP/1.1\r\n",
        b"nonsense\r\n",
        b"GET /a b HTTP/1.1\r\n",
        b"GET /\xc3\xa9 HTTP/1.1\r\n",
        b'{"recipient": "70123456"}\r\n',
    ],
)
def test_bytes_that_cannot_become_a_request_are_refused_before_their_end(
    echo_server: EchoServer, beginning: bytes
) -> None:
    refused(echo_server, beginning, 400)


@pytest.mark.parametrize(
    "field",
    [
        "no colon",
        " folded: first",
        ": no name",
        "a b: c",
        "a : b",
        "a\t: b",
        "é: b",
        "a(b): c",
        "A: b\r\n folded",
        "A: b\r\n\tc",
    ],
)
def test_a_header_field_that_is_not_one_line_of_name_and_value_is_refused(
    echo_server: EchoServer, field: str
) -> None:
    refused(echo_server, request("Host: x", field, body=SMUGGLED), 400)


def test_a_too_large_head_is_414_or_431(echo_server: EchoServer) -> None:
    refused(echo_server, b"GET /" + b"x" * 70_000, 414)
    refused(echo_server, b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, 431)
    refused(echo_server, request("Host: x", *["A: b"] * 300), 431)


def test_empty_lines_before_a_request_are_ignored(echo_server: EchoServer) -> None:
    first_request = request("Host: x", "Content-Length: 1", body=b"a")
    last = request("Host: x", "Connection: close", "Content-Length: 1", body=b"b")
    answers = echo_server.exchange(b"\r\n" + first_request + b"\r\n\r\n" + last)
    assert [part[:1] for part in answers.split(b"\r\n\r\n")[1:]] == [b"a", b"b"]


@pytest.mark.parametrize("hello", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x16"])
def test_a_client_that_speaks_tls_is_closed_at_once(echo_server: EchoServer, hello: bytes) -> None:
    with echo_server.connect() as client:
        client.sendall(hello)
        with suppress(ConnectionResetError):  # closed with unread bytes
            assert read_all(client) == b""


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"F" * 40 + b"\r\n", 413),
        (b"F" * 40, 413),
        (b"%x\r\n" % (LIMIT + 1), 413),
        (b"0" * 40 + b"1\r\nab\r\n", 400),
        (b"-1\r\n", 400),
        (b"+1\r\na\r\n", 400),
        (b"0x1\r\na\r\n", 400),
        (b"1 \r\na\r\n", 400),
        (b" 1\r\na\r\n", 400),
        (b"\r\n1\r\na\r\n", 400),
        (b"1\na\r\n", 400),
        (b"1\r\na\n", 400),
        (b"1\r\nab\r\n", 400),
        (b"1\r\na1\r\nb\r\n", 400),
        (b"g", 400),
        (b";a=b\r\n", 400),
        (b"1;a=\x00\r\na\r\n", 400),
        (b"1;" + b"a" * 5000, 400),
        (b"0\r\nno field\r\n\r\n", 400),
        (b"0\r\n folded: a\r\n\r\n", 400),
        (b"0\r\nA: b\n\r\n", 400),
        (b"0\r\n" + b"A: b\r\n" * 20_000, 400),
        (b"1\r\na\r\n" * 3000 + b"1;" + b"x" * 100 + b"\r\n", 0),
    ],
)
def test_a_chunk_is_read_strictly_and_answered_at_once(
    echo_server: EchoServer, body: bytes, status: int
) -> None:
    data = request("Host: x", CHUNKED, body=body)
    if status:
        refused(echo_server, data, status)
    else:
        ended = request("Host: x", CHUNKED, "Connection: close", body=body + b"a\r\n0\r\n\r\n")
        assert echo_server.exchange(ended).endswith(b"\r\n\r\n" + b"a" * 3001)


def test_chunks_of_one_byte_each_are_not_read_for_ever() -> None:
    echo_server = EchoServer(max_body_bytes=4 << 20)
    try:
        refused(echo_server, request("Host: x", CHUNKED, body=b"1\r\na\r\n" * 100_000), 400)
    finally:
        assert echo_server.server.stop(DEADLINE_S)


def test_100_continue_is_sent_once_and_after_the_responses_before_it(echo_server: EchoServer) -> None:
    with echo_server.connect() as client:
        first = request("Host: x", "Content-Length: 1", body=b"a")
        client.sendall(
            first + request("Host: x", "Content-Length: 2", "Expect: 100-Continue", "Connection: close")
        )
        received = read_until(client, b"\r\n\r\naHTTP/1.1 100 Continue\r\n\r\n")
        assert received.count(b"HTTP/1.1 ") == 2
        client.sendall(b"ok")
        assert read_all(client).endswith(b"\r\n\r\nok")


def test_100_continue_is_not_sent_for_a_body_that_has_arrived(echo_server: EchoServer) -> None:
    answer = echo_server.exchange(
        request("Host: x", "Content-Length: 2", "Expect: 100-continue", "Connection: close", body=b"ok")
    )
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\nok")


FRAGMENTS = st.sampled_from(
    [
        *(
            b"GET / HTTP/1.1\r\n",
            b"POST /echo HTTP/1.1\r\n",
            b"Host: x\r\n",
            b"\r\n",
            b"\r",
            b"\n",
            b" ",
            b":",
            b"Content-Length: 3\r\n",
        ),
        *(
            b"Transfer-Encoding: chunked\r\n",
            b"3\r\nabc\r\n",
            b"0\r\n\r\n",
            b"Expect: 100-continue\r\n",
            b"HTTP/1.0\r\n",
            b"\x16",
            b"\x00",
        ),
    ]
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(FRAGMENTS | st.binary(max_size=20), max_size=12))
def test_for_any_bytes_the_server_answers_or_closes_and_serves_the_next_client(
    echo_server: EchoServer, pieces: list[bytes]
) -> None:
    with echo_server.connect() as client, suppress(ConnectionError):
        for piece in pieces:
            client.sendall(piece)
        with suppress(OSError):  # ENOTCONN once the server has reset the connection
            client.shutdown(socket.SHUT_WR)
        answer = read_all(client)  # TimeoutError if it does not end
        assert not answer or answer.startswith((b"HTTP/1.1 ", b"HTTP/1.0 "))
        assert b" 500 " not in answer.split(b"\r\n")[0]
    assert echo_server.server.running
    assert echo_server.exchange(post(b"x", "Content-Length: 1")).endswith(b"\r\n\r\nx")
