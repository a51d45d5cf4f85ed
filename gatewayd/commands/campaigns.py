"""`gatewayd campaign show|cancel`."""

from __future__ import annotations

import click

from gatewayd.commands.command_help import examples
from gatewayd.commands.common import administer, json_option, show

_COMPANY = click.option(
    "--company", required=True, type=int, help="The id of the company whose campaign it is."
)


@examples("gatewayd campaign show 42 --company 1")
@click.group()
def campaign() -> None:
    """Manage the campaigns of companies: messages with the same campaign id."""


@examples("gatewayd campaign show 42 --company 1")
@campaign.command("show")
@click.argument("campaign_id", metavar="ID", type=int)
@_COMPANY
@json_option
@click.pass_context
def show_(context: click.Context, campaign_id: int, company: int, as_json: bool) -> None:
    """Show the number of messages of a campaign by status, its parts and its cost."""
    arguments = {"company": company, "campaign": campaign_id}
    show(administer(context, "campaign.show", arguments), as_json)


@examples("gatewayd campaign cancel 42 --company 1")
@campaign.command()
@click.argument("campaign_id", metavar="ID", type=int)
@_COMPANY
@json_option
@click.pass_context
def cancel(context: click.Context, campaign_id: int, company: int, as_json: bool) -> None:
    """Cancel the messages of a campaign that no modem has yet."""
    arguments = {"company": company, "campaign": campaign_id}
    show(administer(context, "campaign.cancel", arguments), as_json)
