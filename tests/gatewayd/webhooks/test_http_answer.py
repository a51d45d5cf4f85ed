"""Answers of receivers: bodies of every form, and for any bytes only the documented errors, like the standard library."""

from __future__ import annotations

import io
import socket
import time
from http.client import HTTPException, HTTPResponse
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.webhooks.http_answer import LONGEST_BODY, AnswerError, HttpAnswer, read_answer


class Sent:
    """A socket whose peer has sent these bytes, some at a time, and closed it."""

    def __init__(self, data: bytes, at_once: int = 1 << 20) -> None:
        self._stream = io.BytesIO(data)
        self._at_once = at_once

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def recv(self, count: int) -> bytes:
        return self._stream.read(min(count, self._at_once))


def read(data: bytes, at_once: int = 1 << 20) -> HttpAnswer:
    return read_answer(cast(socket.socket, Sent(data, at_once)), time.monotonic() + 60)


@pytest.mark.parametrize("at_once", [1, 3, 1 << 20])
@pytest.mark.parametrize(
    ("data", "status", "body", "reusable"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
        (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
        (b"HTTP/1.1 200 \r\ncontent-length:2\r\nConnection: Close\r\n\r\nok", 200, b"ok", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok", 200, b"ok", True),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, b"until the end", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", 200, b"", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk", 200, b"", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", 200, b"", False),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nA;x=y\r\n0123456789\r\n0\r\nT: x\r\n\r\n",
            200,
            b"ok0123456789",
            True,
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokk\r\n0\r\n\r\n", 200, b"", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 200, b"", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 200, b"", False),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
            200,
            b"",
            False,
        ),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 500 No\r\n\r\n",
            500,
            b"",
            False,
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1", 200, b"ok", False),
    ],
)
def test_an_answer_is_read(data: bytes, status: int, body: bytes, reusable: bool, at_once: int) -> None:
    found = read(data, at_once)
    assert (found.status, found.body) == (status, body)
    if at_once > 3 or not data.endswith(
        b"okHTTP/1.1"
    ):  # what has not come yet is noticed at the next request
        assert found.reusable == reusable


def test_a_long_body_is_cut_and_the_connection_is_not_used_again() -> None:
    long = b"x" * (LONGEST_BODY + 1)
    for head, body in (
        (b"Content-Length: %d" % len(long), long),
        (b"X: y", long),
    ):
        found = read(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n%b" % (head, body))
        assert (len(found.body), found.reusable) == (LONGEST_BODY, False)
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(long), long)
    assert not read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks).reusable


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda tail: b"HTTP/1.1 200 OK\r\n" + tail))
def test_any_bytes_are_an_answer_or_one_of_the_documented_errors(data: bytes) -> None:
    try:
        read(data, 7)
    except (AnswerError, OSError):
        return


_NAMES = st.sampled_from(["X-One", "Retry-After", "Content-Type", "Date"])
_VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=20)


@given(
    status=st.integers(200, 599),
    headers=st.dictionaries(_NAMES, _VALUES, max_size=4),
    body=st.binary(max_size=300),
    chunk=st.integers(0, 50),
    at_once=st.integers(1, 400),
)
def test_a_correct_answer_is_read_as_the_standard_library_reads_it(
    status: int, headers: dict[str, str], body: bytes, chunk: int, at_once: int
) -> None:
    lines = [f"HTTP/1.1 {status} Reason", *(f"{name}: {value}" for name, value in headers.items())]
    if status in (204, 304):
        content = b""
    elif chunk:
        pieces = [body[first : first + chunk] for first in range(0, len(body), chunk)]
        content = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        lines.append("Transfer-Encoding: chunked")
    else:
        content = body
        lines.append(f"Content-Length: {len(body)}")
    data = "\r\n".join(lines).encode() + b"\r\n\r\n" + content
    ours = read(data, at_once)
    theirs = HTTPResponse(cast(socket.socket, _File(data)), method="POST")
    try:
        theirs.begin()
        assert (ours.status, ours.body) == (theirs.status, theirs.read())
        assert ours.retry_after == theirs.headers.get("Retry-After")
    except HTTPException as error:
        pytest.fail(f"it is no correct answer: {error}")
    assert ours.reusable


class _File:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)
