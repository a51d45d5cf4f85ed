"""Cuts the bytes of a modem into complete lines and prompts (V.250, 5.7; 27.005, 3.5.1). Pure: no clock, no device."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from modem.at.responses import is_text_form, owns_next_line, result

# Modems send no longer line: a PDU has 352 characters, a list of capabilities some hundreds. A longer line is noise (a
# device that is no modem, a wrong speed) and must not fill the memory.
MAX_LINE: Final = 4096

# These have no meaning in an answer: NUL comes from a line break, 0xFF from a badly idling line, 0x1A and 0x1B from the
# echo of the gateway's own bytes.
_DROPPED: Final = bytes(set(range(0x20)) - {0x09, 0x0A, 0x0D}) + b"\x7f\xff"

# Noise and blanks at the edges of a line. No answer begins with these; one ends with them only inside quotes.
_EDGES: Final = "".join(map(chr, range(0x80, 0x100))) + " \t"
_EDGE_OCTETS: Final = _EDGES.encode("latin-1")

# A USSD answer (27.007, 7.15) holds the network's text unchanged: with line ends inside the quotes, and in the GSM
# alphabet with letters in place of control characters.
_TEXT: Final = b"+CUSD:"

# The end of its last line: after the closing quote comes nothing, or a comma and the coding scheme.
_END: Final = re.compile(rb'"\s*(,[^"]*)?$')
_END_WITH_SCHEME: Final = re.compile(rb'"\s*,\s*[0-9]{1,3}\s*$')

# The start of another URC, which cannot be in the middle of one: the text was cut.
_NEWS: Final = re.compile(r"[+^$%!][A-Z][A-Z0-9]*:")

# The start of an answer that shares its line with the prompt.
_MARKERS: Final = ("+", "^", "*", "#", "!", "$", "%", "OK", "ERROR")


class Sign(Enum):
    """An event that is no line."""

    PROMPT = "prompt"  # the modem waits for a PDU


class MessageText(str):
    """The line right behind the head of a text-mode message (+CMT), without an empty line between them.

    It is the message's text even if it looks like a final result: a modem sends an empty line before each result.
    """

    __slots__ = ()


Event = str | Sign


class Framer:
    """Cuts bytes into lines.

    A line is latin-1 text without its line end, without blanks at its ends, without noise around an answer, never
    empty. `>` at the start of a line is a prompt while `prompt_wanted`, and left out otherwise. The line equal to
    `echo` is dropped and counted in `echoes`; an echoed PDU is cut off also where the answer follows it at once.
    A +CUSD is one line up to its closing quote: only a +CUSD may hold line feeds and control characters. A line in it
    that looks like a final result belongs to the text if the closing quote comes; otherwise `end_text` returns that
    result as a line of its own.
    """

    def __init__(self) -> None:
        self.prompt_wanted = False
        self.echo = ""
        self.echoes = 0
        self._rest = b""
        self._overlong = False
        self._text = b""  # a +CUSD whose quotes are still open
        self._held: list[bytes] = []  # its lines from the first one that looks like a final result
        self._cut_at = 0  # the offset of that line in the text
        self._after_head = False  # the last line was the head of a text-mode message
        self._empty_lines = 0  # since the last line; a line that ends in CR LF counts as one

    def feed(self, data: bytes) -> list[Event]:
        """Add bytes. Returns the events that they complete. Never raises, keeps at most `MAX_LINE` bytes."""
        data = self._rest + data
        if b"\n" in data:
            data = data.replace(b"\n", b"\r")
        *lines, rest = data.split(b"\r")
        events: list[Event] = []
        for raw in lines:
            if self._overlong:
                self._overlong = False
            elif raw:
                self._line(raw, events)
            else:
                self._empty_lines += 1
        self._rest = self._begin(rest, events) if rest else b""
        return events

    def clear(self) -> None:
        """Forget an unfinished line whose end will not come."""
        self._rest = self._text = b""
        self._held.clear()
        self._overlong = self._after_head = False

    def end_text(self) -> list[Event]:
        """The events of a +CUSD whose closing quote does not come, and of the lines after it."""
        events: list[Event] = []
        self._give_text(events)
        return events

    @property
    def text_open(self) -> bool:
        """Whether the quotes of a +CUSD are open."""
        return bool(self._text)

    @property
    def partial(self) -> str:
        """The unfinished line."""
        return self._rest.decode("latin-1")

    def _begin(self, rest: bytes, events: list[Event]) -> bytes:
        """The part of an unfinished line to keep."""
        if not self._text and _TEXT not in rest:
            rest = rest.translate(None, _DROPPED)
        if len(rest) > MAX_LINE or self._overlong:
            self._overlong = True
            return b""
        if self.prompt_wanted and rest.strip(_EDGE_OCTETS) == b">":
            self._prompt(events)
            return b""
        return rest

    def _line(self, raw: bytes, events: list[Event]) -> None:
        text = raw.decode("latin-1")
        if text.isascii() and text.isprintable():  # nothing to drop
            text = text.strip(" ")
        else:
            text = _clean(raw.translate(None, _DROPPED).decode("latin-1").strip(" \t"))
        if self._text and _NEWS.match(text):
            self._give_text(events)
        if self._text:
            self._hold(raw, text)
            self._add_text(b"\n" + raw, events)
            return
        if text.startswith(">"):
            text = text.lstrip("> \t")
            if self.prompt_wanted and (not text or text.startswith(_MARKERS)):
                self._prompt(events)
        if not text or len(text) > MAX_LINE:
            return
        if self.echo and text.startswith(self.echo):
            rest = text[len(self.echo) :]
            if not rest or (not self.echo.startswith("AT") and rest.startswith(_MARKERS)):
                self.echoes += 1
                text = rest
        if _TEXT in raw and text.startswith(_TEXT.decode()):
            self._add_text(raw[raw.index(_TEXT) :], events)
        elif text:
            events.append(self._marked(text))

    def _marked(self, text: str) -> str:
        """Mark the text of a text-mode message."""
        follows = self._after_head and self._empty_lines <= 1
        self._after_head, self._empty_lines = not follows and owns_next_line(text) and is_text_form(text), 0
        return MessageText(text) if follows else text

    def _hold(self, raw: bytes, text: str) -> None:
        """Keep a line of a +CUSD that looks like a final result, and each line after it: the text may have been cut there."""
        if not self._held:
            if result(text) is None:
                return
            self._cut_at = len(self._text)
        self._held.append(raw)

    def _add_text(self, piece: bytes, events: list[Event]) -> None:
        self._text = (self._text + piece.replace(b"\xff", b""))[:MAX_LINE]
        if _is_whole(self._text):
            self._held.clear()
            self._give_text(events)
        elif len(self._text) == MAX_LINE:
            self._give_text(events)

    def _give_text(self, events: list[Event]) -> None:
        if not self._text:
            return
        text, held = self._text, self._held
        self._text, self._held = b"", []
        if held:
            text = text[: self._cut_at]
        events.append(text.decode("latin-1").strip(" \t"))
        for raw in held:
            self._line(raw, events)

    def _prompt(self, events: list[Event]) -> None:
        self.prompt_wanted = False
        events.append(Sign.PROMPT)


def _is_whole(text: bytes) -> bool:
    """Whether the quotes of a +CUSD are closed. Its text may hold quotes too, usually in pairs."""
    quotes = text.count(b'"')
    if quotes == 0:
        return True
    if quotes % 2:
        return quotes > 1 and _END_WITH_SCHEME.search(text) is not None
    return _END.search(text) is not None


def _clean(text: str) -> str:
    """An answer without the noise at its edges; any other line unchanged."""
    core = text.lstrip(_EDGES)
    if not core.startswith((">", *_MARKERS)):
        return text
    return core if '"' in core else core.rstrip(_EDGES)
