"""`gatewayd status`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import click

from gatewayd.commands.common import administer, json_option, show, table, until_interrupted
from gatewayd.commands.loop_test_table import loop_tests
from gatewayd.commands.output import say
from gatewayd.diagnostics import sim_notices
from gatewayd.escaping import printable

_REFRESH_S = 2.0  # a person reads no faster


@click.command()
@click.option("--watch", is_flag=True, help="Refresh every two seconds until Ctrl-C.")
@json_option
@click.pass_context
@until_interrupted
def status(context: click.Context, watch: bool, as_json: bool) -> None:
    """Show the daemon, ports, SIMs, waiting messages, quotas, disk and clock."""
    _show(administer(context, "status"), as_json, refresh=watch)
    while watch:
        time.sleep(_REFRESH_S)
        _show(administer(context, "status"), as_json, refresh=True)


def _show(status: dict[str, Any], as_json: bool, *, refresh: bool) -> None:
    if as_json:
        show(status, as_json)
        return
    if refresh:
        click.clear()  # does nothing if the output is no terminal
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
        for port in status["ports"]
        for slot in port["slots"]
    ]
    store = status["store"]
    say(table(rows))
    for port in status["ports"]:
        for condition in port.get("conditions", ()):
            say(f"\nPort {port['port']}: {condition['remedy']}")
    say(
        f"\ngatewayd {status['version']} (process {status['process']}) runs for {status['up']}."
        f" Disk: {store['free_bytes'] >> 20} MiB are free; the database has {store['bytes'] >> 20}."
    )
    pending = status["messages"]
    waiting = ", ".join(f"{count} for SIM {sim}" for sim, count in status["parts_waiting"].items()) or "none"
    clock = status["clock"]
    say(f"Time: {clock['now'][:19]}Z, {'' if clock['trusted'] else 'NOT '}trusted. {clock['detail']}")
    age = f", the oldest for {pending['oldest_pending']}" if pending["oldest_pending_at"] else ""
    say(f"Messages pending: {pending['pending']}{age}. Parts ready to go: {waiting}.")
    _say_sims(status.get("sims", ()))
    _say_webhooks(status.get("webhooks", ()))  # a daemon of an older version has none
    if status["loop_tests"]:
        say(f"\nThe last loop test of each SIM:\n{loop_tests(status['loop_tests'])}")
    if status["backlog_sims"]:
        sims = ", ".join(map(str, status["backlog_sims"]))
        say(f"From before an outage, and sent slowly (dispatch.backlog_rate): the old ones of SIM {sims}.")
    for company in status["companies"]:
        if company["quota"] is not None:
            used, quota = company["used_this_month"], company["quota"]
            say(f"Quota of {printable(company['name'])}: {used} of {quota} used this month.")
    for trouble in (store["detail"], store["backup_failure"] and f"no backup: {store['backup_failure']}"):
        if trouble:
            say(f"\n{printable(trouble[0].upper() + trouble[1:])}.")


def _say_sims(sims: Sequence[Mapping[str, Any]]) -> None:
    balances = [text for sim in sims if (text := _balance(sim))]
    if balances:
        say(f"Balances: {'; '.join(balances)}.")
    for notice in sim_notices.of(sims):
        say(f"\n{notice}")


def _say_webhooks(webhooks: Sequence[Mapping[str, Any]]) -> None:
    for webhook in webhooks:
        since = f" since {webhook['failing_since'][:19]}Z" if webhook["failing_since"] else ""
        say(f"Webhook {webhook['id']} is {webhook['state']}{since}: gatewayd webhook show {webhook['id']}")


def _balance(sim: Mapping[str, Any]) -> str:
    """The balance and the bundle of a SIM, as far as they are known; "" where nothing is."""
    told = [f"{sim['balance']:g}"] if sim["balance_at"] else []
    if sim["bundle_units"] is not None:
        told.append(f"{sim['bundle_units']} texts")
    if sim["bundle_end"]:
        told.append(f"until {sim['bundle_end'][:16].replace('T', ' ')} UTC")
    return f"SIM {sim['id']}: {', '.join(told)}" if told else ""
