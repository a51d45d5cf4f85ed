"""`gatewayd watch`."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TextIO

import click

from config.language.text import Text
from gatewayd.commands.command_help import examples
from gatewayd.commands.common import fail, follow_daemon, until_interrupted
from gatewayd.commands.output import say
from gatewayd.escaping import json_text, printable


@examples("gatewayd watch 1", "gatewayd watch 1 --raw conversation.txt")
@click.command()
@click.argument("port", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document per line.")
@click.option(
    "--raw",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the lines into FILE as well, to send it to a developer.",
)
@click.pass_context
@until_interrupted
def watch(context: click.Context, port: int, as_json: bool, raw: Path | None) -> None:
    """Show the AT conversation of a port, secrets masked, until Ctrl-C."""
    with _opened(raw) as file, closing(follow_daemon(context, "watch", {"port": port})) as batches:
        for batch in batches:
            if file is not None:
                with _without_interruption():
                    file.writelines(f"{_readable(line)}\n" for line in batch)
            for line in batch:
                say(json_text(line) if as_json else _readable(line))
    fail(Text("the port was stopped"))


@contextmanager
def _opened(path: Path | None) -> Iterator[TextIO | None]:
    """A new file that each line reaches at once; None without a path."""
    if path is None:
        yield None
        return
    try:
        file = path.open("x", encoding="utf-8", buffering=1)
    except FileExistsError:
        fail(Text("{path} already exists", path=path))
    except OSError as error:
        fail(Text("{path} cannot be written: {reason}", path=path, reason=error.strerror or str(error)))
    with file:
        yield file


@contextmanager
def _without_interruption() -> Iterator[None]:
    """Hold back Ctrl-C during the block: what is printed is in the file already, and the file ends with a whole batch."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _readable(line: Mapping[str, str]) -> str:
    from modem.at.transcript import Direction, Line

    at = datetime.fromisoformat(line["at"]).timestamp()
    return str(Line(at, Direction[line["direction"].upper()], printable(line["text"])))
