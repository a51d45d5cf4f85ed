"""`gatewayd company add|list|set`."""

from __future__ import annotations

import click

from gatewayd.commands.common import YES_NO, NoneOr, administer, given, json_option, show


@click.group()
def company() -> None:
    """Manage the companies that send through this gateway."""


@company.command()
@click.argument("name")
@click.option("--quota", type=NoneOr(click.INT), default="none", help="Messages per month; none: unlimited.")
@json_option
@click.pass_context
def add(context: click.Context, name: str, quota: int | None, as_json: bool) -> None:
    """Add a company."""
    show(administer(context, "company.add", {"name": name, "quota": quota}), as_json)


@company.command("list")
@json_option
@click.pass_context
def list_(context: click.Context, as_json: bool) -> None:
    """List the companies, with the quota that each has used this month."""
    show(administer(context, "company.list"), as_json)


@company.command("set")
@click.argument("company_id", metavar="ID", type=int)
@click.option("--name", help="Its name.")
@click.option("--active", type=YES_NO, metavar="yes|no", help="Whether its keys are accepted.")
@click.option("--quota", type=NoneOr(click.INT), help="Messages per month; none: unlimited.")
@click.option(
    "--opt-outs",
    type=click.Choice(("bulk", "all")),
    help="What an opt-out blocks: bulk (campaigns, send-bulk and bulk priority), or all but transactional messages.",
)
@click.option(
    "--window",
    type=NoneOr(click.STRING),
    metavar="HH:MM-HH:MM|none",
    help="The hours in which its bulk messages are sent, in the time zone of the box; none: always.",
)
@json_option
@click.pass_context
def set_(context: click.Context, /, company_id: int, as_json: bool, **_: object) -> None:
    """Change a company. The change takes effect at once."""
    changes = given(
        context,
        {
            "name": "name",
            "active": "active",
            "quota": "quota",
            "opt_outs": "opt_outs",
            "window": "sending_window",
        },
    )
    show(administer(context, "company.set", {"company": company_id, "changes": changes}), as_json)
