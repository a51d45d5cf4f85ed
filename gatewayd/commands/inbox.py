"""`gatewayd inbox`."""

from __future__ import annotations

import click

from gatewayd.commands.common import administer, json_option, show


@click.command()
@click.option("--unreadable", is_flag=True, help="Show what was set aside because it could not be read.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many.")
@json_option
@click.pass_context
def inbox(context: click.Context, unreadable: bool, limit: int, as_json: bool) -> None:
    """List the newest texts that came in, of all companies."""
    show(administer(context, "inbox.unreadable" if unreadable else "inbox.list", {"limit": limit}), as_json)
