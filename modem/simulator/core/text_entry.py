"""Text or PDU as it is entered after a prompt: echo, corrections, and where it ends (27.005, 3.5.1 and 4.3)."""

from __future__ import annotations

from collections.abc import Callable

CTRL_Z, ESCAPE = 0x1A, 0x1B

_BACKSPACE = 0x08
_NEW_LINE = b"\r\n> "


class TextEntry:
    """Collects octets until the text is complete. `done` gets the text, and returns a `Flow` or None.

    Of more than `limit` octets one is kept: it makes the text too long.
    """

    def __init__(self, done: Callable[[bytes], object], *, is_text: bool, limit: int) -> None:
        self._done = done
        self._is_text = is_text
        self._limit = limit
        self._body = bytearray()

    def echo(self, octets: bytes, *, enabled: bool) -> bytes:
        """The octets to send back for these. In text mode each new line is prompted for, with or without echo."""
        if not self._is_text:
            return octets if enabled else b""
        return octets.replace(b"\r", _NEW_LINE) if enabled else _NEW_LINE * octets.count(b"\r")

    def add(self, octets: bytes) -> None:
        """Take octets of the text. In text mode a backspace deletes the octet before it."""
        if self._is_text and _BACKSPACE in octets:
            for octet in octets:
                if octet != _BACKSPACE:
                    self._body.append(octet)
                elif self._body:
                    self._body.pop()
        else:
            self._body += octets
        del self._body[self._limit + 1 :]

    def finish(self) -> object:
        """Hand over the text. Returns and raises as `done`."""
        return self._done(bytes(self._body))


def end_of_text(data: bytes) -> tuple[int, int | None]:
    """The offset at which text ends, and the octet that ends it; the end of the data and None without one."""
    places = [place for place in (data.find(CTRL_Z), data.find(ESCAPE)) if place >= 0]
    if not places:
        return len(data), None
    return min(places), data[min(places)]
