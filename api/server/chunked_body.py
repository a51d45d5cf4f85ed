"""A strict parser for chunked bodies (RFC 9112, 7.1), with a limit on everything that a client can make long."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Any

from waitress.buffers import OverflowableBuffer

from api.responses.errors import Refusal, malformed, status_refusal

LINE_LIMIT = 4096
"""Bytes of one line: a chunk size with extensions, or a trailer field. Real lines have less than a hundred."""

OVERHEAD_LIMIT = 65_536
"""Bytes of chunk lines beyond the size of the body. Chunks of one byte cost the server far more than the client. A client that
writes in small chunks stays below this limit."""

_DIGITS = 16  # of a chunk size: more than any limit needs

_SIZE = re.compile(rb"([0-9A-Fa-f]+)(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")  # extensions are ignored (7.1.1)
_FIELD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*")


class _State(Enum):
    SIZE = auto()  # before the size of a chunk
    DATA = auto()  # within the data of a chunk
    END = auto()  # before the CR LF behind the data
    TRAILER = auto()  # behind the last chunk


class ChunkedBody:
    """A receiver in waitress's sense: bytes in, a body or the first error out."""

    def __init__(self, buffer: OverflowableBuffer, limit: int) -> None:
        """`limit`: a body of this size or more is refused."""
        self.completed = False
        self.refusal: Refusal | None = None
        self._buffer: Any = buffer  # the stubs leave half of it out
        self._limit = limit
        self._state = _State.SIZE
        self._left = 0  # bytes of this chunk that are not received yet
        self._total = 0
        self._overhead = 0
        self._line = bytearray()

    def __len__(self) -> int:
        return self._total

    def received(self, data: bytes) -> int:
        """Take bytes. Returns how many belong to this body; after an error, how many were read until then."""
        at = 0
        pieces: list[bytes] = []
        while at < len(data) and not self.completed and self.refusal is None:
            if self._state is _State.DATA:
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._state = _State.END
            else:
                at = self._take_line(data, at)
        if pieces:
            self._buffer.append(b"".join(pieces))
        return at

    def getfile(self) -> Any:
        """The body as a file to read."""
        return self._buffer.getfile()

    def getbuf(self) -> Any:
        """The buffer that holds the body."""
        return self._buffer

    def _take_line(self, data: bytes, at: int) -> int:
        end = data.find(b"\n", at) + 1
        stop = end or len(data)
        self._line += data[at:stop]
        self._overhead += stop - at
        if self._overhead > OVERHEAD_LIMIT + self._total:
            self._refuse("The chunks of the body are too small, or their lines too long")
        elif len(self._line) > LINE_LIMIT:
            self._refuse("A line between the chunks of the body is too long")
        elif end:
            line = bytes(self._line)
            self._line.clear()
            if line.endswith(b"\r\n"):
                self._take_whole_line(line[:-2])
            else:
                self._refuse("A line between the chunks of the body does not end with CR LF")
        else:
            self._check_unfinished()
        return stop

    def _take_whole_line(self, line: bytes) -> None:
        match self._state:
            case _State.SIZE:
                self._begin_chunk(line)
            case _State.END if line:
                self._refuse("A chunk of the body is longer than it says")
            case _State.END:
                self._state = _State.SIZE
            case _ if not line:
                self.completed = True
            case _ if not _FIELD.fullmatch(line):
                self._refuse("The trailer of the body is not made of header fields")

    def _check_unfinished(self) -> None:
        """Refuse bytes that cannot become a valid line, before the end of the line: it may never arrive."""
        if self._state is _State.END and not b"\r\n".startswith(self._line):
            self._refuse("A chunk of the body is longer than it says")
        elif self._state is _State.SIZE:
            digits = re.match(rb"[0-9A-Fa-f]*", self._line)
            if digits is None or not digits[0]:
                self._refuse("A chunk of the body has no size")
            elif len(digits[0].lstrip(b"0")) > _DIGITS:
                self.refusal = status_refusal(413)

    def _begin_chunk(self, line: bytes) -> None:
        found = _SIZE.fullmatch(line)
        if found is None:
            self._refuse("A chunk of the body has no size")
            return
        digits = found[1].lstrip(b"0")
        size = int(digits or b"0", 16) if len(digits) <= _DIGITS else self._limit
        if self._total + size >= self._limit:
            self.refusal = status_refusal(413)
        elif size:
            self._total += size
            self._left = size
            self._state = _State.DATA
        else:
            self._state = _State.TRAILER

    def _refuse(self, sentence: str) -> None:
        self.refusal = malformed(400, sentence)
