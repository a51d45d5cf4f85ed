"""`gatewayd key add|list|set`."""

from __future__ import annotations

from typing import Final

import click

from config.language.text import Text
from gatewayd.commands.command_help import examples
from gatewayd.commands.common import (
    YES_NO,
    NoneOr,
    administer,
    given,
    json_option,
    show,
    show_list,
    wide_option,
)
from gatewayd.commands.end_time import EndTime
from gatewayd.commands.output import say
from gatewayd.commands.tables import Column, Row, of, short

SERVICES: Final = ("sms", "email", "whatsapp")
"""As `gatewayd.accounts.authenticator.SERVICES`, which is slow to import. A test compares them."""


def _nature(key: Row) -> Text | str:
    """The nature of a key in one word."""
    if key["admin"]:
        return Text("administration")
    return Text("sandbox") if key["sandbox"] else str(key["service"])


_COLUMNS = (
    of("id"),
    of("company"),
    of("prefix"),
    Column(Text("for"), _nature),
    of("active"),
    Column(Text("expires"), lambda entry: short(entry["expires"])),
    of("rights", cut=True),
)


@examples("gatewayd key add --company 1", "gatewayd key list")
@click.group()
def key() -> None:
    """Manage the API keys of companies."""


@examples("gatewayd key add --company 1", "gatewayd key add --company 1 --sandbox --expires 2027-12-31")
@key.command()
@click.option("--company", required=True, type=int, help="The company's id.")
@click.option(
    "--service",
    type=click.Choice(SERVICES),
    default="sms",
    show_default=True,
    help="The service that the key is for.",
)
@click.option("--admin", is_flag=True, help="Make it an administration key.")
@click.option(
    "--may",
    "rights",
    default="",
    metavar="RIGHTS",
    help="Its rights, separated by commas: transactional (passes opt-outs and sending windows), webhooks.",
)
@click.option("--sandbox", is_flag=True, help="Make it a sandbox key: no modem gets its messages.")
@click.option("--expires", type=EndTime(), help="The end of its validity; a date: the end of that day.")
@json_option
@click.pass_context
def add(
    context: click.Context,
    company: int,
    service: str,
    admin: bool,
    rights: str,
    sandbox: bool,
    expires: int | None,
    as_json: bool,
) -> None:
    """Create a key. It is shown now and never again."""
    arguments = {
        "company": company,
        "service": service,
        "admin": admin,
        "rights": rights,
        "sandbox": sandbox,
        "expires_at": expires,
    }
    made = administer(context, "key.add", arguments)
    show(made, as_json)
    if not as_json:
        say(Text("\nStore the key now: it is not shown again."))


@examples("gatewayd key list")
@key.command("list")
@wide_option
@json_option
@click.pass_context
def list_(context: click.Context, wide: bool, as_json: bool) -> None:
    """List the keys by their first characters."""
    show_list(
        "keys",
        administer(context, "key.list"),
        _COLUMNS,
        as_json=as_json,
        wide=wide,
        empty=Text("There is no API key yet: `gatewayd key add --company ID` makes one."),
    )


@examples("gatewayd key set 3 --active no", "gatewayd key set 3 --may transactional")
@key.command("set")
@click.argument("key_id", metavar="ID", type=int)
@click.option("--active", type=YES_NO, metavar="yes|no", help="Whether it is accepted.")
@click.option(
    "--may", "rights", metavar="RIGHTS", help="Its rights from now on, separated by commas; '': none."
)
@click.option(
    "--expires",
    type=NoneOr(EndTime()),
    help="The end of its validity; a date: the end of that day; none: never.",
)
@json_option
@click.pass_context
def set_(context: click.Context, /, key_id: int, as_json: bool, **_: object) -> None:
    """Change a key. The change takes effect at once."""
    changes = given(context, {"active": "active", "rights": "rights", "expires": "expires_at"})
    show(administer(context, "key.set", {"key": key_id, "changes": changes}), as_json)
