"""`gatewayd ussd`."""

from __future__ import annotations

import click

from gatewayd.commands.common import administer, fail, json_option, show
from gatewayd.commands.output import say
from gatewayd.sims.ussd import timeout_s


@click.command()
@click.argument("port", type=int)
@click.argument("codes", metavar="CODE [REPLY]...", nargs=-1, required=True)
@click.option("--slot", type=int, help="The slot whose SIM asks. Default: the active one.")
@json_option
@click.pass_context
def ussd(context: click.Context, port: int, codes: tuple[str, ...], slot: int | None, as_json: bool) -> None:
    """Ask the network through a running daemon: `gatewayd ussd 1 '*123#'`. More words are replies to its menus."""
    arguments = {"port": port, "codes": list(codes), "slot": slot}
    told = administer(context, "ussd", arguments, timeout_s(len(codes)))
    if as_json:
        show(told, as_json)
    else:
        say("\n\n".join(told["answers"]))
    if told["replies_unsaid"]:
        fail("the network ended the session before all was said")
    if told["session"] == "open" and not as_json:
        say("\nThe network waits for a reply: ask again, with the reply as one more word.", err=True)
