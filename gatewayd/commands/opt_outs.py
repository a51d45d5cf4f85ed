"""`gatewayd opt-out list|add|remove`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from config.language.text import Text
from gatewayd.commands.command_help import examples
from gatewayd.commands.common import administer, json_option, show, show_list, wide_option
from gatewayd.commands.output import say
from gatewayd.commands.tables import Column, of, short

_COLUMNS = (
    of("company"),
    of("recipient"),
    Column(Text("since"), lambda entry: short(entry["opted_out_at"])),
    Column(Text("ended"), lambda entry: short(entry["ended_at"])),
    of("source"),
    of("text", cut=True),
)


@examples("gatewayd opt-out add 70123456 --company 1", "gatewayd opt-out list")
@click.group("opt-out")
def opt_out() -> None:
    """Manage the numbers that want no messages of campaigns from a company."""


@examples("gatewayd opt-out list --company 1", "gatewayd opt-out list --csv > opt-outs.csv")
@opt_out.command("list")
@click.option("--company", type=int, help="Only those of the company with this id.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values, for a spreadsheet.")
@wide_option
@json_option
@click.pass_context
def list_(context: click.Context, company: int | None, as_csv: bool, wide: bool, as_json: bool) -> None:
    """List all opt-outs, the ended ones too: when, and by which text."""
    rows = list(_all(context, company))
    if as_csv:
        say(_csv(rows), nl=False)
    else:
        show_list(
            "opt_outs",
            rows,
            _COLUMNS,
            as_json=as_json,
            wide=wide,
            empty=Text(
                "No number has opted out. A reply with a word of inbox.opt_out_words, as STOP, opts out."
            ),
        )


@examples("gatewayd opt-out add 70123456 --reason 'asked by telephone'")
@opt_out.command()
@click.argument("recipient", metavar="NUMBER")
@click.option("--company", type=int, help="The company's id. Default: the first active one.")
@click.option("--reason", help="Why, for the record.")
@json_option
@click.pass_context
def add(
    context: click.Context, recipient: str, company: int | None, reason: str | None, as_json: bool
) -> None:
    """Opt a number out of a company's messages."""
    arguments = {"recipient": recipient, "company": company, "reason": reason}
    show(administer(context, "opt_out.add", arguments), as_json)


@examples("gatewayd opt-out remove 70123456")
@opt_out.command()
@click.argument("recipient", metavar="NUMBER")
@click.option("--company", type=int, help="The company's id. Default: the first active one.")
@json_option
@click.pass_context
def remove(context: click.Context, recipient: str, company: int | None, as_json: bool) -> None:
    """Let a number take a company's messages again."""
    show(administer(context, "opt_out.remove", {"recipient": recipient, "company": company}), as_json)


def _all(context: click.Context, company: int | None) -> Iterator[dict[str, Any]]:
    after = 0
    while rows := administer(context, "opt_out.list", {"company": company, "after": after}):
        yield from rows
        after = rows[-1]["id"]


def _csv(rows: list[dict[str, Any]]) -> str:
    from gatewayd.spreadsheets import csv_row

    lines = [list(rows[0]), *(list(row.values()) for row in rows)] if rows else []
    return "".join(map(csv_row, lines))
