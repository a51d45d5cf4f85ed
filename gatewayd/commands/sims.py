"""`gatewayd sim list|show|set`."""

from __future__ import annotations

from typing import Any

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
from gatewayd.commands.tables import Column, Row, of


def _place(sim: Row) -> str:
    """The port and the slot of a SIM."""
    return f"{sim['port']}.{sim['slot']}" if sim["port"] else ""


def _today(sim: Row) -> str:
    """The messages of today, and the limit of a day."""
    limit = sim["daily_limit"]
    return str(sim["today_sent"]) if limit is None else f"{sim['today_sent']}/{limit}"


_COLUMNS = (
    of("id"),
    Column(Text("port"), _place),
    of("name", cut=True),
    of("number"),
    of("company"),
    of("enabled"),
    Column(Text("today"), _today),
    of("balance"),
)


@examples("gatewayd sim list", "gatewayd sim set 1 --name 'Orange 1' --daily-limit 200")
@click.group()
def sim() -> None:
    """Manage the known SIM cards."""


@examples("gatewayd sim list")
@sim.command("list")
@wide_option
@json_option
@click.pass_context
def list_(context: click.Context, wide: bool, as_json: bool) -> None:
    """List the SIMs. `sim show` shows all of one."""
    show_list(
        "sims",
        administer(context, "sim.list"),
        _COLUMNS,
        as_json=as_json,
        wide=wide,
        empty=Text("No SIM was seen yet: `gatewayd check` tells what the ports lack."),
    )


@examples("gatewayd sim show 1")
@sim.command("show")
@click.argument("sim_id", metavar="ID", type=int)
@json_option
@click.pass_context
def show_(context: click.Context, sim_id: int, as_json: bool) -> None:
    """Show all that is known about a SIM."""
    _show_one(administer(context, "sim.show", {"sim": sim_id}), as_json)


@examples(
    "gatewayd sim set 1 --name 'Orange 1' --number +22370000001",
    "gatewayd sim set 1 --daily-limit 200 --cost 15",
    "gatewayd sim set 2 --enabled no",
)
@sim.command("set")
@click.argument("sim_id", metavar="ID", type=int)
@click.option(
    "--name", type=NoneOr(click.STRING), help="Its name; none: the operator and the last digits of the ICCID."
)
@click.option("--number", type=NoneOr(click.STRING), help="Its number; none: the number stored on the SIM.")
@click.option(
    "--operator", type=NoneOr(click.STRING), help="Its operator; none: the operator that the network reports."
)
@click.option(
    "--company", type=NoneOr(click.INT), help="The id of the company that may use it; none: all companies."
)
@click.option("--daily-limit", type=NoneOr(click.INT), help="Messages per day; none: no limit.")
@click.option("--monthly-limit", type=NoneOr(click.INT), help="Messages per month; none: no limit.")
@click.option("--daily-parts", type=NoneOr(click.INT), help="Parts per day; none: no limit.")
@click.option("--monthly-parts", type=NoneOr(click.INT), help="Parts per month; none: no limit.")
@click.option(
    "--daily-recipients", type=NoneOr(click.INT), help="Different recipients per day; none: no limit."
)
@click.option(
    "--monthly-recipients", type=NoneOr(click.INT), help="Different recipients per month; none: no limit."
)
@click.option(
    "--reset-hour",
    type=click.IntRange(0, 23),
    help="The hour at which its operator counts from 0 again: its days and months begin then.",
)
@click.option("--cost", type=float, help="The price of one part.")
@click.option("--default", is_flag=True, help="Make it the default SIM of its company.")
@click.option("--enabled", type=YES_NO, metavar="yes|no", help="Whether it accepts messages.")
@click.option(
    "--renew-code",
    type=NoneOr(click.STRING),
    help="The USSD code that renews its bundle, with replies to its menus behind it; none: `balance.renew_code`.",
)
@click.option("--holder", help='The person or firm in whose name it is registered; "": not known.')
@click.option(
    "--registered", metavar="DATE", help='The day of its registration, as 2026-11-30; "": not known.'
)
@json_option
@click.pass_context
def set_(context: click.Context, /, sim_id: int, default: bool, as_json: bool, **_: object) -> None:
    """Change a SIM. The change takes effect at once."""
    changes = given(
        context,
        {
            "name": "name",
            "number": "number",
            "operator": "operator",
            "company": "company_id",
            "daily_limit": "daily_limit",
            "monthly_limit": "monthly_limit",
            "daily_parts": "daily_parts",
            "monthly_parts": "monthly_parts",
            "daily_recipients": "daily_recipients",
            "monthly_recipients": "monthly_recipients",
            "reset_hour": "reset_hour",
            "cost": "cost",
            "enabled": "enabled",
            "renew_code": "renew_code",
            "holder": "holder",
            "registered": "registered_on",
        },
    )
    row = administer(context, "sim.set", {"sim": sim_id, "changes": changes, "default": default})
    _show_one(row, as_json)


def _show_one(row: dict[str, Any], as_json: bool) -> None:
    if not as_json:
        left = row.pop("left")
        row |= {f"{what}_left": number for what, number in left.items() if number is not None}
    show(row, as_json)
