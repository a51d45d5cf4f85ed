"""`gatewayd dashboard-token`."""

from __future__ import annotations

import click

from gatewayd.commands.command_help import examples
from gatewayd.commands.common import administer, json_option, show
from gatewayd.commands.output import say


@examples("sudo gatewayd dashboard-token")
@click.command("dashboard-token")
@json_option
@click.pass_context
def dashboard_token(context: click.Context, as_json: bool) -> None:
    """Show the token with which the first person opens the dashboard."""
    answer = administer(context, "dashboard_token")
    if as_json:
        show(answer, as_json)
    else:
        say(answer["token"])
