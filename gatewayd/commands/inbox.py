"""`gatewayd inbox`."""

from __future__ import annotations

import click

from gatewayd.commands.common import administer, json_option, show


@click.command()
@click.option("--unreadable", is_flag=True, help="Show the PDUs that could not be decoded.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Texts to list.")
@json_option
@click.pass_context
def inbox(context: click.Context, unreadable: bool, limit: int, as_json: bool) -> None:
    """List the newest received texts, of all companies."""
    show(administer(context, "inbox.unreadable" if unreadable else "inbox.list", {"limit": limit}), as_json)
