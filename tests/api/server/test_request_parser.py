"""The request parser: the same result for any cut of the bytes, and no exception."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from waitress.adjustments import Adjustments

from api.server.request_parser import UNCHECKED_BODY_LIMIT, Parser

ADJUSTMENTS = Adjustments(max_request_body_size=1000, inbuf_overflow=UNCHECKED_BODY_LIMIT)


@dataclass(frozen=True)
class Result:
    completed: bool
    status: int | None  # of a refusal
    line: tuple[str, str, str, str]
    headers: dict[str, str]
    body: bytes
    consumed: int | None  # None after a refusal: no further bytes are read


def parse(pieces: list[bytes]) -> Result:
    parser = Parser(ADJUSTMENTS)
    consumed = 0
    for piece in pieces:
        while piece and (parser.empty or not parser.completed):
            if parser.empty:  # only empty lines so far
                parser = Parser(ADJUSTMENTS)
            parser.admitted = True
            consumed_bytes = parser.received(piece)
            assert consumed_bytes > 0
            consumed += consumed_bytes
            piece = piece[consumed_bytes:]  # noqa: PLW2901
    whole_result = parser.completed and parser.refusal is None
    result = Result(
        parser.completed,
        None if parser.refusal is None else parser.refusal.status,
        (parser.command, parser.path, parser.query, parser.version) if whole_result else ("", "", "", ""),
        dict(parser.headers) if whole_result else {},
        parser.get_body_stream().read() if whole_result else b"",
        consumed if whole_result else None,
    )
    parser.close()
    return result


TOKENS = st.sampled_from(["GET", "POST", "Host", "X-A", "a", "Content-Length", "Transfer-Encoding"])
LINES = st.one_of(
    st.sampled_from(
        [
            b"GET /a?b HTTP/1.1",
            b"POST /%20 HTTP/1.0",
            b"Host: x",
            b"Content-Length: 5",
            b"Transfer-Encoding: chunked",
        ]
    ),
    st.builds(lambda name, value: f"{name}: {value}".encode(), TOKENS, st.text(max_size=8)),
    st.sampled_from([b"", b"5", b"hello", b"0", b"5;x=y", b" fold", b"FFFFFFFFFFFFFFFFFFFF"]),
    st.binary(max_size=10),
)
REQUESTS = st.lists(LINES, max_size=10).map(lambda lines: b"\r\n".join(lines) + b"\r\n\r\n") | st.binary()
VALID = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\r\n\r\nPOST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nT: u\r\n\r\nGET",
    ]
)


@given(
    REQUESTS | VALID | st.tuples(VALID, REQUESTS).map(b"".join), st.lists(st.integers(0, 300), max_size=12)
)
def test_it_makes_no_difference_how_the_bytes_are_cut(data: bytes, cuts: list[int]) -> None:
    whole_result = parse([data])
    at = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    assert parse([data[first:last] for first, last in pairwise(at)]) == whole_result
    assert parse([data[n : n + 1] for n in range(len(data))]) == whole_result


def test_a_body_is_the_one_that_was_sent() -> None:
    chunked = parse(
        [
            b"POST /a?b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nmore"
        ]
    )
    assert chunked.line == ("POST", "/a", "b", "1.1")
    assert chunked.headers == {"HOST": "x", "CONTENT_LENGTH": "5"}
    assert chunked.body == b"abcde"


def test_a_large_body_is_not_read_before_the_key_is_checked() -> None:
    parser = Parser(
        Adjustments(max_request_body_size=10 * UNCHECKED_BODY_LIMIT, inbuf_overflow=UNCHECKED_BODY_LIMIT)
    )
    data = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert parser.received(data) == len(data)
    assert not parser.needs_key_check
    consumed_bytes = parser.received(b"1\r\na\r\n" * UNCHECKED_BODY_LIMIT)
    assert consumed_bytes == UNCHECKED_BODY_LIMIT
    assert parser.needs_key_check
    assert parser.received(b"more") == 0
    parser.admitted = True
    assert not parser.needs_key_check
    parser.close()
