"""Shows on a terminal that something lasts, and for how long already."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from config.language.text import Text
from gatewayd.commands import invocation
from gatewayd.commands.output import OutputError, say

_LOOK_S: Final = 1.0
_CLEAR_LINE: Final = "\x1b[1G\x1b[K"  # ECMA-48: CHA, EL


def shown() -> bool:
    """Whether a person sees the progress: standard error is a terminal, and no JSON was asked for."""
    return sys.stderr.isatty() and not invocation.as_json()


@contextmanager
def elapsed(doing: Text) -> Iterator[None]:
    """Show what is being done, and the seconds since its beginning, until it ends."""
    if not shown():
        yield
        return
    line = _Line(invocation.localised(doing))
    ended = threading.Event()
    thread = threading.Thread(target=line.follow, args=(ended,), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_LOOK_S)
        line.clear()


class _Line:
    """One line of standard error, which is written anew again and again."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._began = time.monotonic()

    def follow(self, ended: threading.Event) -> None:
        """Write the line once a second until `ended`, or until the terminal is closed."""
        while not ended.wait(_LOOK_S):
            seconds = round(time.monotonic() - self._began)
            try:
                say(f"{_CLEAR_LINE}{self._doing}… {seconds} s", err=True, nl=False, style=True)
            except OutputError:
                return

    def clear(self) -> None:
        """Remove the line."""
        say(_CLEAR_LINE, err=True, nl=False, style=True)
