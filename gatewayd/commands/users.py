"""`gatewayd user add|list|set|remove`."""

from __future__ import annotations

import sys
from typing import Final

import click

from config.language.text import Text
from gatewayd.commands.command_help import examples
from gatewayd.commands.common import (
    NO_CHANGE,
    YES_NO,
    NoneOr,
    administer,
    fail,
    json_option,
    show,
    show_list,
    wide_option,
)
from gatewayd.commands.invocation import localised
from gatewayd.commands.output import say
from gatewayd.commands.tables import of

ROLES: Final = ("owner", "operator", "company")
"""As `gatewayd.accounts.persons.Role`, which is slow to import. A test compares them."""

_COLUMNS: Final = (
    of("id"),
    of("login", Text("login"), cut=True),
    of("name", cut=True),
    of("role", Text("role")),
    of("company"),
    of("active"),
)

_LANGUAGES: Final = ("en", "fr")

# More than the longest password; a file that was given by mistake is not read whole.
_LONGEST_LINE: Final = 1000


@examples("gatewayd user add awa --role operator", "gatewayd user set awa --password")
@click.group()
def user() -> None:
    """Manage the persons who use the dashboard."""


@examples("gatewayd user add awa --role operator --name 'Awa Traoré'")
@user.command()
@click.argument("login")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    required=True,
    help="owner: all pages; operator: all but persons and keys; company: one company's messages.",
)
@click.option("--name", default="", help="The name that the pages show; by default the login.")
@click.option("--company", type=int, help="The company's id, for the role company.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@json_option
@click.pass_context
def add(
    context: click.Context,
    login: str,
    role: str,
    name: str,
    company: int | None,
    password_stdin: bool,
    as_json: bool,
) -> None:
    """Add a person. The password is asked twice, and not shown."""
    arguments = {
        "login": login,
        "password": _password(password_stdin),
        "role": role,
        "name": name,
        "company": company,
    }
    show(administer(context, "user.add", arguments), as_json)


@examples("gatewayd user list")
@user.command("list")
@wide_option
@json_option
@click.pass_context
def list_(context: click.Context, wide: bool, as_json: bool) -> None:
    """List the persons."""
    show_list(
        "users",
        administer(context, "user.list"),
        _COLUMNS,
        as_json=as_json,
        wide=wide,
        empty=Text("There is no person yet: `gatewayd dashboard-token` opens the set-up of the dashboard."),
    )


@examples("gatewayd user set awa --password", "gatewayd user set awa --active no")
@user.command("set")
@click.argument("login")
@click.option("--role", type=click.Choice(ROLES), help="The pages that the person may use.")
@click.option("--company", type=NoneOr(click.INT), help="The company's id, for the role company; none: all.")
@click.option("--name", help="The name that the pages show.")
@click.option("--language", type=NoneOr(click.Choice(_LANGUAGES)), help="Of the pages; none: the browser's.")
@click.option("--active", type=YES_NO, metavar="yes|no", help="Whether the person may log in.")
@click.option("--password", is_flag=True, help="Ask for a new password, and close the person's sessions.")
@click.option("--password-stdin", is_flag=True, help="As --password, from standard input.")
@json_option
@click.pass_context
def set_(
    context: click.Context, /, login: str, password: bool, password_stdin: bool, as_json: bool, **_: object
) -> None:
    """Change a person. The change takes effect at once."""
    changes = {
        name: context.params[name]
        for name in ("role", "company", "name", "language", "active")
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
    if password or password_stdin:
        changes["password"] = _password(password_stdin)
    if not changes:
        raise click.UsageError(localised(NO_CHANGE), ctx=context)
    show(administer(context, "user.set", {"user": login, "changes": changes}), as_json)


@examples("gatewayd user remove awa")
@user.command()
@click.argument("login")
@json_option
@click.pass_context
def remove(context: click.Context, login: str, as_json: bool) -> None:
    """Remove a person and its sessions. The last owner stays."""
    removed = administer(context, "user.remove", {"user": login})
    if as_json:
        show(removed, as_json)
    else:
        say(Text("{login} is removed, and its sessions are closed.", login=login))


def _password(from_stdin: bool) -> str:
    """A new password, from the terminal without echo, or the first line of standard input. Exits with 1 without one."""
    if from_stdin:
        line = sys.stdin.readline(_LONGEST_LINE).rstrip("\r\n")
        return line or fail(Text("standard input has no password"))
    if not sys.stdin.isatty():
        fail(Text("there is no terminal to ask for the password: use --password-stdin"))
    password: str = click.prompt(
        localised(Text("Password")), hide_input=True, confirmation_prompt=True, err=True
    )
    return password
