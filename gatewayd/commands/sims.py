"""`gatewayd sim list|set`."""

from __future__ import annotations

import click

from gatewayd.commands.common import YES_NO, NoneOr, administer, given, json_option, show


@click.group()
def sim() -> None:
    """Manage the known SIM cards."""


@sim.command("list")
@json_option
@click.pass_context
def list_(context: click.Context, as_json: bool) -> None:
    """List the SIMs."""
    show(administer(context, "sim.list"), as_json)


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
@click.option("--cost", type=float, help="The price of one part.")
@click.option("--default", is_flag=True, help="Make it the default SIM of its company.")
@click.option("--enabled", type=YES_NO, metavar="yes|no", help="Whether it accepts messages.")
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
            "cost": "cost",
            "enabled": "enabled",
        },
    )
    show(administer(context, "sim.set", {"sim": sim_id, "changes": changes, "default": default}), as_json)
