"""Text in lines of the terminal's width."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import Final

from gatewayd.commands import invocation
from gatewayd.escaping import printable

_NARROWEST: Final = 30
_USUAL: Final = 80


def wrapped(text: str, indent: str = "", first: str | None = None) -> str:
    """A text in lines of the terminal's width. `first`: before the first line, in place of `indent`."""
    lines = printable(invocation.localised(text), keep="\n").split("\n")
    shown: list[str] = []
    for line in lines:
        begin = indent if shown or first is None else first
        shown += textwrap.wrap(
            line,
            max(screen(), len(indent) + _NARROWEST),
            initial_indent=begin,
            subsequent_indent=indent,
            break_on_hyphens=False,
            break_long_words=False,  # a path stays whole, so that it can be copied
        ) or [begin.rstrip()]
    return "\n".join(shown)


def screen() -> int:
    """The width of the terminal in columns; 80 where the output is none."""
    return max(shutil.get_terminal_size((_USUAL, 24)).columns, _NARROWEST)


def for_errors(text: str) -> str:
    """A text for standard error: in lines where that is a terminal, else in one line for logs and programs."""
    return wrapped(text) if sys.stderr.isatty() else invocation.localised(text)
