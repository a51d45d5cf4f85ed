"""`gatewayd company add|list|set|statement`."""

from __future__ import annotations

import click

from config.language.text import Text
from gatewayd.commands import invocation, tables
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
from gatewayd.commands.output import say, say_file
from gatewayd.commands.tables import Column, Row, of


def _used(company: Row) -> str:
    used, quota = company["used_this_month"], company["quota"]
    return str(used) if quota is None else f"{used}/{quota}"


_COLUMNS = (
    of("id"),
    of("name", cut=True),
    of("active"),
    Column(Text("used this month"), _used),
    of("window"),
)


@examples("gatewayd company add 'Pharmacie du Fleuve'", "gatewayd company list")
@click.group()
def company() -> None:
    """Manage the companies that send through this gateway."""


@examples("gatewayd company add 'Pharmacie du Fleuve' --quota 5000")
@company.command()
@click.argument("name")
@click.option("--quota", type=NoneOr(click.INT), default="none", help="Messages per month; none: unlimited.")
@json_option
@click.pass_context
def add(context: click.Context, name: str, quota: int | None, as_json: bool) -> None:
    """Add a company."""
    show(administer(context, "company.add", {"name": name, "quota": quota}), as_json)


@examples("gatewayd company list")
@company.command("list")
@wide_option
@json_option
@click.pass_context
def list_(context: click.Context, wide: bool, as_json: bool) -> None:
    """List the companies, with the quota that each has used this month."""
    show_list(
        "companies",
        administer(context, "company.list"),
        _COLUMNS,
        as_json=as_json,
        wide=wide,
        empty=Text("There is no company yet: `gatewayd company add NAME` adds one."),
    )


@examples("gatewayd company set 1 --quota none", "gatewayd company set 1 --window 08:00-20:00")
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


@examples("gatewayd company statement 1 2026-11", "gatewayd company statement 1 --csv > statement.csv")
@company.command()
@click.argument("company_id", metavar="ID", type=int)
@click.argument("month", required=False, metavar="[YYYY-MM]")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, for a spreadsheet.")
@json_option
@click.pass_context
def statement(
    context: click.Context, company_id: int, month: str | None, as_csv: bool, as_json: bool
) -> None:
    """Print the messages and the cost of a company in a month, by SIM and by campaign.

    Without a month: the present one. Failed and cancelled messages are not billed.
    """
    if as_csv and as_json:
        raise click.UsageError(Text("choose --csv or --json"))
    found = administer(context, "company.statement", {"company": company_id, "month": month})
    if as_json:
        show(found, as_json)
    elif as_csv:
        from gatewayd.accounts.statements import as_csv as written

        say_file(written(found, invocation.language()))
    else:
        _show_statement(found)


_FIGURES = (
    Column(Text("billed"), lambda each: each["messages"]),
    Column(Text("delivered"), lambda each: each["delivered"]),
    Column(Text("failed"), lambda each: each["unbilled"]),
    Column(Text("cancelled"), lambda each: each["cancelled"]),
    Column(Text("parts"), lambda each: each["parts"]),
    Column(Text("cost"), lambda each: each["cost"]),
)


def _show_statement(statement: Row) -> None:
    """Print the statement as tables: the total, then each SIM and each campaign."""
    say(f"{statement['name']}, {statement['month']}\n")
    say(tables.listing([statement["total"]], _FIGURES))
    if statement["sims"]:
        say("\n" + tables.listing(statement["sims"], (of("sim"), of("name", cut=True), *_FIGURES)))
    if any(each["campaign"] for each in statement["campaigns"]):
        say("\n" + tables.listing(statement["campaigns"], (of("campaign"), *_FIGURES)))
