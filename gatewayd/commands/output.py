"""Everything that a command prints passes here: made harmless for a terminal, and written whole or not at all.

Texts, senders and names come from clients, networks and modems. Raw control characters in them would drive the terminal
of the operator (ECMA-48), and bidirectional controls would show another order than the stored one (Unicode TR 36).
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Final, NoReturn

import click

from gatewayd.escaping import printable

# What a full disk, a closed pipe and a terminal that went away answer to a write.
_OUTPUT_ERRORS: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EPIPE, errno.EIO, errno.EBADF, errno.ENXIO}
)


class OutputError(Exception):
    """The output cannot be written; the text says why."""


def say(text: str, *, err: bool = False, nl: bool = True, style: bool = False) -> None:
    """Print on standard output, or standard error. Line feeds stay, and with `style` the colours of `click.style`.

    Raises OutputError.
    """
    safe = printable(text, keep="\n\x1b" if style else "\n")
    try:
        click.echo(safe, err=err, nl=nl)
    except OSError as error:
        raise OutputError(reason(error)) from error


def is_output_error(error: OSError) -> bool:
    """Whether an error is that of a write to an open file, such as the standard output."""
    return error.filename is None and error.errno in _OUTPUT_ERRORS


def reason(error: OSError) -> str:
    """Why the output cannot be written, in one sentence."""
    if error.errno == errno.EPIPE:
        return "the output was closed before all of it was written"
    return f"the output cannot be written: {error.strerror or error}"


def flush() -> None:
    """Write what standard output still holds. Raises OutputError."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        raise OutputError(reason(error)) from error


def give_up(error: object) -> NoReturn:
    """Say on standard error why, where that can be written, and exit 1."""
    _drop_the_rest(1)
    try:
        say(f"gatewayd: {error}", err=True)
    except OutputError:
        _drop_the_rest(2)
    raise SystemExit(1)


def open_standard_streams() -> None:
    """Open /dev/null in the place of each standard stream that the caller closed, and make letters that it cannot write escapes.

    Else the next file that is opened, such as the database, would get the number of the stream, and take what is written to that.
    """
    for fd in (0, 1, 2):  # `open` takes the lowest free number
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if fd == 0 else os.O_WRONLY)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as the process
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _drop_the_rest(fd: int) -> None:
    """Lead a standard stream to /dev/null: Python writes what its buffer holds once more when it ends."""
    stream = sys.stdout if fd == 1 else sys.stderr
    try:
        if stream.fileno() != fd:
            return
    except (OSError, ValueError):
        return  # a stream in memory
    try:
        stream.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, fd)
        os.close(null)
