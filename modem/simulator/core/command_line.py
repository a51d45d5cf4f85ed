"""The command line as it is typed: echo, corrections, and where a command begins (V.250, 5.2)."""

from __future__ import annotations

_BACKSPACE = 0x08  # S5
_RUBOUT = b"\x08 \x08"


class CommandLine:
    """Collects octets until a command line is complete. Never holds more than `limit` of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._typed = bytearray()
        self._last = b""  # the body of the last line, for A/

    def clear(self) -> None:
        """Forget what was typed so far, and what A/ would repeat."""
        self._typed.clear()
        self._last = b""

    def feed(self, data: bytes) -> tuple[int, bytes, bytes | None]:
        """Take octets up to the end of one command line.

        Returns how many were taken, what to echo of them, and the body of the line (what stands after AT),
        None where none is complete.
        """
        typed = self._typed
        end = data.find(b"\r")
        piece = data if end < 0 else data[:end]
        if not typed and end >= 0 and piece[:2] == b"AT" and _BACKSPACE not in piece and b"\n" not in piece:
            return self._complete(end + 1, data[: end + 1], piece[2:])
        if b"/" in piece or typed.endswith((b"A", b"a")):
            repeated = self._repeats(piece)
            if repeated is not None:
                typed.clear()
                return repeated, piece[:repeated], self._last
        echo = self._type(piece)
        if end < 0:
            return len(data), echo, None
        line = bytes(typed)
        typed.clear()
        body = _after_prefix(line)
        if body is None:
            return end + 1, echo + b"\r", None
        return self._complete(end + 1, echo + b"\r", body)

    def _complete(self, taken: int, echo: bytes, body: bytes) -> tuple[int, bytes, bytes]:
        self._last = body
        return taken, echo, body

    def _repeats(self, piece: bytes) -> int | None:
        """How many octets there are up to an A/ that is not part of a command."""
        before = len(self._typed)
        whole = (bytes(self._typed) + piece).upper()
        at = whole.find(b"A/")
        if at < 0 or at + 2 <= before or b"AT" in whole[:at]:
            return None
        return at + 2 - before

    def _type(self, piece: bytes) -> bytes:
        typed = self._typed
        if _BACKSPACE not in piece:
            typed += piece.replace(b"\n", b"").replace(b"\0", b"")
            echo = piece
        else:
            echo = self._correct(piece)
        prefix = _prefix(typed)
        del typed[
            : len(typed) - 1 if prefix < 0 else prefix
        ]  # noise does not count; an A may begin the prefix
        if len(typed) > self._limit + 3:
            del typed[self._limit + 3 :]  # one more than fits is remembered: it makes the line an error
        return echo

    def _correct(self, piece: bytes) -> bytes:
        typed = self._typed
        echo = bytearray()
        for octet in piece:
            if octet != _BACKSPACE:
                echo.append(octet)
                if octet not in b"\n\0":
                    typed.append(octet)
            elif typed and bytes(typed[-2:]).upper() != b"AT":
                typed.pop()
                echo += _RUBOUT
        return bytes(echo)


def _after_prefix(line: bytes) -> bytes | None:
    """The text after AT or at; None without one (V.250, 5.2.1: text before it does not count)."""
    prefix = _prefix(line)
    return None if prefix < 0 else line[prefix + 2 :]


def _prefix(line: bytes | bytearray) -> int:
    """The offset of the first AT or at; -1 without one."""
    large, small = line.find(b"AT"), line.find(b"at")
    return max(large, small) if large < 0 or small < 0 else min(large, small)
