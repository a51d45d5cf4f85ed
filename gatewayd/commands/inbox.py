"""`gatewayd inbox`."""

from __future__ import annotations

import click

from config.language.text import Text
from gatewayd.commands.command_help import examples
from gatewayd.commands.common import administer, json_option, show_list, wide_option
from gatewayd.commands.end_time import EndTime, StartTime
from gatewayd.commands.invocation import localised
from gatewayd.commands.tables import Column, Row, of, short

_FILTERS = ("sender", "sim", "company", "since", "until", "contains")

_COLUMNS = (
    of("id"),
    Column(Text("received"), lambda entry: short(entry["received_at"])),
    of("sender", Text("from"), cut=True),
    of("sim"),
    of("sim_number", Text("to")),
    of("company"),
)
_UNREADABLE_COLUMNS = (
    of("id"),
    Column(Text("received"), lambda entry: short(entry["received_at"])),
    of("sim"),
    of("port"),
    of("slot"),
    of("reason", cut=True),
)


@examples(
    "gatewayd inbox",
    "gatewayd inbox --sender 70123456 --since 2026-11-01",
    "gatewayd inbox --contains stop --limit 100",
)
@click.command()
@click.option("--sender", help="Only texts from this number, or from this name.")
@click.option("--sim", type=int, help="Only texts that came in on the SIM with this id.")
@click.option("--company", type=int, help="Only texts of the company with this id.")
@click.option("--since", type=StartTime(), help="Only texts from then on; a date: from its beginning.")
@click.option("--until", type=EndTime(), help="Only texts before then; a date: until its end.")
@click.option("--contains", help="Only texts that contain this.")
@click.option("--unreadable", is_flag=True, help="Show the PDUs that could not be decoded.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Texts to list.")
@wide_option
@json_option
@click.pass_context
def inbox(
    context: click.Context, /, unreadable: bool, limit: int, wide: bool, as_json: bool, **_: object
) -> None:
    """List the newest received texts, of all companies."""
    filters = {name: context.params[name] for name in _FILTERS if context.params[name] is not None}
    if unreadable:
        _show_unreadable(context, limit, filters, wide=wide, as_json=as_json)
        return
    found = administer(context, "inbox.list", {"limit": limit, **filters})
    none = Text("No text came in yet.")
    show_list(
        "texts",
        found,
        _COLUMNS,
        as_json=as_json,
        wide=wide,
        empty=Text("No text fits: leave out an option.") if filters else none,
        note=_text,
    )


def _show_unreadable(
    context: click.Context, limit: int, filters: dict[str, object], *, wide: bool, as_json: bool
) -> None:
    if filters:
        raise click.UsageError(localised(Text("--unreadable goes with --limit alone")), ctx=context)
    show_list(
        "unreadable",
        administer(context, "inbox.unreadable", {"limit": limit}),
        _UNREADABLE_COLUMNS,
        as_json=as_json,
        wide=wide,
        empty=Text("Every text could be read."),
        note=lambda entry: str(entry["pdu"]),
    )


def _text(entry: Row) -> str:
    """The text, and a remark where it is not one for people or not whole."""
    if entry["kind"] == "data":
        return Text("[data for port {port}] {data}", port=entry["port_number"], data=entry["message"])
    return (
        Text("{text} [incomplete]", text=entry["message"]) if entry["incomplete"] else str(entry["message"])
    )
