"""The messages between a client and PostgreSQL, as far as one must know them to see which statement runs and when its answer ended.

PostgreSQL, chapter 55: a message is a type of one octet, its length, its body; the first of a client has no type.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

_CANCEL, _TLS, _GSS = 80877102, 80877103, 80877104  # what a client may ask before it begins


@dataclass
class Hit:
    """A statement that was looked for."""

    start: int  # of the message that lets it run, counted from the first octet of the client
    answer: int  # the number of the ReadyForQuery that ends its answer
    complete: bool = False  # all that it needs has come


class Conversation:
    """Reads both directions of one connection. After a switch to encryption it sees nothing more."""

    def __init__(self) -> None:
        self.opaque = False
        self.hit: Hit | None = None
        self.answered = 0  # ReadyForQuery messages
        self.wanted: re.Pattern[str] | None = None  # the statement that is looked for
        self._asked = 0  # requests that each end with a ReadyForQuery
        self._begun = False  # the client's first message has come
        self._single = False  # the server's next octet answers a request for encryption
        self._front = bytearray()
        self._front_at = 0  # the place of the buffer's first octet in the stream
        self._back = bytearray()
        self._statements: dict[bytes, str] = {}  # by the name of the prepared statement
        self._portals: dict[bytes, str] = {}

    def from_client(self, data: bytes) -> None:
        """Read what the client sent."""
        if self.opaque:
            return
        self._front += data
        while not self.opaque:
            head = 5 if self._begun else 4
            if len(self._front) < head:
                return
            length = head - 4 + struct.unpack_from("!I", self._front, head - 4)[0]
            if length < head:
                self.opaque = True  # not PostgreSQL's
            if len(self._front) < length or self.opaque:
                return
            message = bytes(self._front[:length])
            start, self._front_at = self._front_at, self._front_at + length
            del self._front[:length]
            if self._begun:
                self._take(message[:1], message[5:], start)
            else:
                self._begin(struct.unpack_from("!I", message, 4)[0] if length >= 8 else 0)

    def from_server(self, data: bytes) -> None:
        """Read what the server answered."""
        if self.opaque:
            return
        self._back += data
        if self._single and self._back:
            self._single = False
            self.opaque = bytes(self._back[:1]) in (b"S", b"G")
            del self._back[:1]
        while len(self._back) >= 5 and not self.opaque:
            length = 1 + struct.unpack_from("!I", self._back, 1)[0]
            self.opaque = length < 5
            if len(self._back) < length or self.opaque:
                return
            self.answered += self._back[:1] == b"Z"
            del self._back[:length]

    @property
    def hit_is_answered(self) -> bool:
        """Whether the server has ended its answer to the statement that was looked for."""
        return self.hit is not None and self.answered >= self.hit.answer

    def _begin(self, code: int) -> None:
        if code in (_TLS, _GSS):
            self._single = True
        elif code == _CANCEL:
            self.opaque = True
        else:
            self._begun = True
            self._asked = 1

    def _take(self, kind: bytes, body: bytes, start: int) -> None:
        if kind == b"Q":
            self._runs(_text(body), start)
            self._asked += 1
            self._ends()
        elif kind == b"P":
            name, text, *_ = [*body.split(b"\0", 2), b"", b""]
            self._statements[name] = _text(text)
        elif kind == b"B":
            portal, name, *_ = [*body.split(b"\0", 2), b"", b""]
            self._portals[portal] = self._statements.get(name, "")
        elif kind == b"E":
            self._runs(self._portals.get(body.split(b"\0", 1)[0], ""), start)
        elif kind in (b"S", b"F"):
            self._asked += 1
            self._ends()

    def _runs(self, text: str, start: int) -> None:
        if self.hit is None and self.wanted is not None and self.wanted.search(text):
            self.hit = Hit(start, self._asked + 1)

    def _ends(self) -> None:
        if self.hit is not None:
            self.hit.complete = True


def _text(body: bytes) -> str:
    return body.rstrip(b"\0").decode(errors="replace")
