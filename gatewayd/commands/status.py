"""`gatewayd status`."""

from __future__ import annotations

import click

from gatewayd.commands.common import administer, json_option, show, table


@click.command()
@json_option
@click.pass_context
def status(context: click.Context, as_json: bool) -> None:
    """Show the ports, their SIMs and what waits."""
    told = administer(context, "status")
    if as_json:
        show(told, as_json)
        return
    rows = [
        {
            "port": port["port"],
            "state": port["state"],
            "model": port["model"],
            "slot": f"{slot['slot']}{'*' if slot['slot'] == port['active_slot'] else ''}",
            "sim": slot["sim"],
            "number": slot["number"],
            "operator": slot["operator"],
            "registration": slot["registration"],
            "dBm": slot["signal_dbm"],
            "": port["detail"],
        }
        for port in told["ports"]
        for slot in port["slots"]
    ]
    click.echo(table(rows))
    waiting = ", ".join(f"{count} for SIM {sim}" for sim, count in told["parts_waiting"].items()) or "none"
    click.echo(f"\nMessages pending: {told['messages']['pending']}. Parts ready to go: {waiting}.")
