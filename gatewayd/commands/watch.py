"""`gatewayd watch`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime

import click

from config.language.text import Text
from gatewayd.commands.command_help import examples
from gatewayd.commands.common import fail, follow_daemon, until_interrupted
from gatewayd.commands.output import say
from gatewayd.escaping import json_text, printable


@examples("gatewayd watch 1")
@click.command()
@click.argument("port", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document per line.")
@click.pass_context
@until_interrupted
def watch(context: click.Context, port: int, as_json: bool) -> None:
    """Show the AT conversation of a port, secrets masked, until Ctrl-C."""
    with closing(follow_daemon(context, "watch", {"port": port})) as batches:
        for batch in batches:
            for line in batch:
                say(json_text(line) if as_json else _readable(line))
    fail(Text("the port was stopped"))


def _readable(line: Mapping[str, str]) -> str:
    from modem.at.transcript import Direction, Line

    at = datetime.fromisoformat(line["at"]).timestamp()
    return str(Line(at, Direction[line["direction"].upper()], printable(line["text"])))
