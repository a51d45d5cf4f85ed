"""`gatewayd status`."""

from __future__ import annotations

import time
from typing import Any

import click

from gatewayd.commands.common import administer, json_option, show, table, until_interrupted
from gatewayd.commands.loop_test import loop_tests
from gatewayd.commands.output import say
from gatewayd.escaping import printable

_REFRESH_S = 2.0  # a port tells what is new when it is; a person reads no faster


@click.command()
@click.option("--watch", is_flag=True, help="Show it anew every two seconds until Ctrl-C.")
@json_option
@click.pass_context
@until_interrupted
def status(context: click.Context, watch: bool, as_json: bool) -> None:
    """Show the daemon, the ports and the state of their SIMs, what waits, quotas, disk and clock."""
    _show(administer(context, "status"), as_json, anew=watch)
    while watch:
        time.sleep(_REFRESH_S)
        _show(administer(context, "status"), as_json, anew=True)


def _show(told: dict[str, Any], as_json: bool, *, anew: bool) -> None:
    if as_json:
        show(told, as_json)
        return
    if anew:
        click.clear()  # does nothing where the output is no terminal
    rows = [
        {
            "port": port["port"],
            "state": port["state"],
            "model": port["model"],
            "slot": f"{slot['slot']}{'*' if slot['slot'] == port['active_slot'] else ''}",
            "SIM": ", ".join(slot["state"]).replace("_", " "),
            "number": slot["number"],
            "operator": slot["operator"],
            "dBm": slot["signal_dbm"],
            "": port["detail"],
        }
        for port in told["ports"]
        for slot in port["slots"]
    ]
    store = told["store"]
    say(table(rows))
    for port in told["ports"]:
        for condition in port.get("conditions", ()):
            say(f"\nPort {port['port']}: {condition['remedy']}")
    say(
        f"\ngatewayd {told['version']} (process {told['process']}) runs for {told['up']}."
        f" Disk: {store['free_bytes'] >> 20} MiB are free; the database has {store['bytes'] >> 20}."
    )
    pending = told["messages"]
    waiting = ", ".join(f"{count} for SIM {sim}" for sim, count in told["parts_waiting"].items()) or "none"
    clock = told["clock"]
    say(f"Time: {clock['now'][:19]}Z, {'' if clock['trusted'] else 'NOT '}trusted. {clock['detail']}")
    age = f", the oldest for {pending['oldest_pending']}" if pending["oldest_pending_at"] else ""
    say(f"Messages pending: {pending['pending']}{age}. Parts ready to go: {waiting}.")
    if told["loop_tests"]:
        say(f"\nThe last loop test of each SIM:\n{loop_tests(told['loop_tests'])}")
    if told["backlog_sims"]:
        sims = ", ".join(map(str, told["backlog_sims"]))
        say(f"From before an outage, and sent slowly (dispatch.backlog_rate): the old ones of SIM {sims}.")
    for company in told["companies"]:
        if company["quota"] is not None:
            used, quota = company["used_this_month"], company["quota"]
            say(f"Quota of {printable(company['name'])}: {used} of {quota} used this month.")
    for trouble in (store["detail"], store["backup_failure"] and f"no backup: {store['backup_failure']}"):
        if trouble:
            say(f"\n{printable(trouble[0].upper() + trouble[1:])}.")
