"""`gatewayd watch`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime

import click

from gatewayd.admin.context import AdminError
from gatewayd.commands.common import fail, settings_of, until_interrupted
from gatewayd.commands.output import say
from gatewayd.daemon.control_socket import NotRunningError, follow
from gatewayd.escaping import json_text, printable
from modem.at.transcript import Direction, Line


@click.command()
@click.argument("port", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document a line.")
@click.pass_context
@until_interrupted
def watch(context: click.Context, port: int, as_json: bool) -> None:
    """Show what a port and its modem say to each other, secrets masked, until Ctrl-C."""
    try:
        with closing(follow(settings_of(context).store.path, "watch", {"port": port})) as batches:
            for batch in batches:
                for line in batch:
                    say(json_text(line) if as_json else _readable(line))
    except (NotRunningError, FileNotFoundError):
        fail("no gatewayd is running on this store: start it with `gatewayd run`")
    except AdminError as error:
        fail(error)
    fail("the port was stopped")


def _readable(line: Mapping[str, str]) -> str:
    at = datetime.fromisoformat(line["at"]).timestamp()
    return str(Line(at, Direction[line["direction"].upper()], printable(line["text"])))
