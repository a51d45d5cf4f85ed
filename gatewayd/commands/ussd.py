"""`gatewayd ussd`."""

from __future__ import annotations

import click

from gatewayd.commands.common import administer, fail, json_option, show
from gatewayd.commands.output import say


@click.command()
@click.argument("port", type=int)
@click.argument("codes", metavar="CODE [REPLY]...", nargs=-1, required=True)
@click.option("--slot", type=int, help="The slot of the SIM to use. Default: the active one.")
@json_option
@click.pass_context
def ussd(context: click.Context, port: int, codes: tuple[str, ...], slot: int | None, as_json: bool) -> None:
    """Send a USSD code through a running daemon: `gatewayd ussd 1 '*123#'`. Further words are replies to the network's menus."""
    from gatewayd.sims.ussd import timeout_s

    arguments = {"port": port, "codes": list(codes), "slot": slot}
    result = administer(context, "ussd", arguments, timeout_s(len(codes)))
    if as_json:
        show(result, as_json)
    else:
        say("\n\n".join(result["answers"]))
    if result["replies_unsaid"]:
        fail("the network ended the session before all replies were sent")
    if result["session"] == "open" and not as_json:
        say(
            "\nThe network waits for a reply: run the command again, with the reply as one more word.",
            err=True,
        )
