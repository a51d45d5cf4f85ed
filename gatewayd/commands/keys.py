"""`gatewayd key add|list|set`."""

from __future__ import annotations

import click

from gatewayd.accounts.authenticator import SERVICES
from gatewayd.commands.common import YES_NO, NoneOr, administer, given, json_option, show
from gatewayd.commands.moments import LastMoment
from gatewayd.commands.output import say


@click.group()
def key() -> None:
    """The API keys of companies."""


@key.command()
@click.option("--company", required=True, type=int, help="The company's id.")
@click.option(
    "--service", type=click.Choice(SERVICES), default="sms", show_default=True, help="What it is for."
)
@click.option("--admin", is_flag=True, help="Make it an administration key.")
@click.option("--expires", type=LastMoment(), help="When it ends; a date: with that day.")
@json_option
@click.pass_context
def add(
    context: click.Context, company: int, service: str, admin: bool, expires: int | None, as_json: bool
) -> None:
    """Make a key. It is shown now and never again."""
    arguments = {"company": company, "service": service, "admin": admin, "expires_at": expires}
    made = administer(context, "key.add", arguments)
    show(made, as_json)
    if not as_json:
        say("\nKeep the key now: it is not shown again.")


@key.command("list")
@json_option
@click.pass_context
def list_(context: click.Context, as_json: bool) -> None:
    """List the keys, by their first characters."""
    show(administer(context, "key.list"), as_json)


@key.command("set")
@click.argument("key_id", metavar="ID", type=int)
@click.option("--active", type=YES_NO, metavar="yes|no", help="Whether it is let in.")
@click.option(
    "--expires", type=NoneOr(LastMoment()), help="When it ends; a date: with that day; none: never."
)
@json_option
@click.pass_context
def set_(context: click.Context, /, key_id: int, as_json: bool, **_: object) -> None:
    """Change a key. It acts at once."""
    changes = given(context, {"active": "active", "expires": "expires_at"})
    show(administer(context, "key.set", {"key": key_id, "changes": changes}), as_json)
