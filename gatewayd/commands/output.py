"""The output of all commands: escaped for the terminal, and written completely or reported as an error.

Texts, senders and names come from clients, networks and modems. Raw control characters in them would control the
terminal of the operator (ECMA-48), and bidirectional controls would show another order than the stored one (Unicode TR 36).
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Final, NoReturn

import click

from config.language.text import Text
from gatewayd.commands import invocation
from gatewayd.commands.wrapping import for_errors
from gatewayd.escaping import json_text, printable

# The error numbers of a write to a full disk, a closed pipe, or a terminal that was closed.
_OUTPUT_ERRORS: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EPIPE, errno.EIO, errno.EBADF, errno.ENXIO}
)


class OutputError(Exception):
    """The output cannot be written; the text gives the reason."""


def say(text: str, *, err: bool = False, nl: bool = True, style: bool = False) -> None:
    """Print a text, in the language of the call, on standard output or standard error.

    Line feeds pass unchanged, and with `style` also the colours of `click.style`. Raises OutputError.
    """
    safe = printable(invocation.localised(text), keep="\n\x1b" if style else "\n")
    try:
        click.echo(safe, err=err, nl=nl)
    except OSError as error:
        raise OutputError(reason(error)) from error


def say_file(text: str) -> None:
    """Write the text of a file on standard output in UTF-8, with every character as it is. Raises OutputError."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    except OSError as error:
        raise OutputError(reason(error)) from error


def is_output_error(error: OSError) -> bool:
    """True for an error of a write to an open file, such as standard output."""
    return error.filename is None and error.errno in _OUTPUT_ERRORS


def reason(error: OSError) -> Text:
    """Explain in one sentence why the output cannot be written."""
    if error.errno == errno.EPIPE:
        return Text("the output was closed before all of it was written")
    return Text("the output cannot be written: {reason}", reason=error.strerror or str(error))


def refuse(error: object, code: int = 1) -> NoReturn:
    """Say why the command failed, and exit. For a program: `{"error": "…"}` on standard output; else on standard error."""
    try:
        if invocation.as_json():
            say(json_text({"error": invocation.localised(error)}))
        else:
            say(for_errors(f"gatewayd: {invocation.localised(error)}"), err=True)
    except OutputError as failure:
        give_up(failure)
    raise SystemExit(code)


def flush() -> None:
    """Flush standard output. Raises OutputError. What standard error cannot take is given up: it must not change the exit code."""
    if sys.stderr is not None:
        _discard_buffer(2)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        raise OutputError(reason(error)) from error


def give_up(error: object) -> NoReturn:
    """Print an error of the output on standard error, if that can be written, and exit with 1."""
    _discard_buffer(1)
    try:
        say(f"gatewayd: {invocation.localised(error)}", err=True)
    except OutputError:
        _discard_buffer(2)
    raise SystemExit(1)


def open_standard_streams() -> None:
    """Open /dev/null for each closed standard stream, and write characters that a stream cannot encode as escapes.

    Otherwise the next opened file, such as the database, would get the descriptor number of the stream and its output.
    """
    for fd in (0, 1, 2):  # `open` returns the lowest free number
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


def _discard_buffer(fd: int) -> None:
    """Redirect a standard stream to /dev/null, because Python flushes its buffer again at exit."""
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
