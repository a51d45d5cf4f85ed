"""`gatewayd status`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import click

from config.language.text import Sentences, Text
from gatewayd.commands.command_help import examples
from gatewayd.commands.common import administer, json_option, show, until_interrupted, wide_option
from gatewayd.commands.invocation import localised
from gatewayd.commands.loop_test_table import loop_tests
from gatewayd.commands.output import say
from gatewayd.commands.tables import Column, Row, listing, local, of, short, signal, wide, zone_name
from gatewayd.commands.words import word
from gatewayd.commands.wrapping import wrapped
from gatewayd.diagnostics import sim_notices

_REFRESH_S = 2.0  # a person reads no faster
_MIB = 20  # bits
_READY = Text("Ready.")  # the detail of a port of which nothing else is to be said


@examples("gatewayd status", "gatewayd status --watch", "gatewayd status --json")
@click.command()
@click.option("--watch", is_flag=True, help="Refresh every two seconds until Ctrl-C.")
@wide_option
@json_option
@click.pass_context
@until_interrupted
def status(context: click.Context, watch: bool, wide: bool, as_json: bool) -> None:
    """Show the daemon, ports, SIMs, waiting messages, quotas, disk and clock."""
    _show(administer(context, "status"), as_json=as_json, all_columns=wide, refresh=watch)
    while watch:
        time.sleep(_REFRESH_S)
        _show(administer(context, "status"), as_json=as_json, all_columns=wide, refresh=True)


def _show(status: dict[str, Any], *, as_json: bool, all_columns: bool, refresh: bool) -> None:
    if as_json:
        show(status, as_json)
        return
    if refresh:
        click.clear()  # does nothing if the output is no terminal
    rows = [
        {**port, **slot, "port_state": port["state"]} for port in status["ports"] for slot in port["slots"]
    ]
    if not rows:
        say(wrapped(Text("There is no port yet: `gatewayd ports` finds the modems.")))
    elif all_columns:
        hidden = ("slots", "conditions")
        say(wide([{key: row[key] for key in row if key not in hidden} for row in rows]))
    else:
        say(listing(rows, _COLUMNS))
    for told in _of_ports(status["ports"]):
        say(f"\n{wrapped(told)}")
    say("")
    for told in _summary(status):
        say(wrapped(told))
    if status["loop_tests"]:
        say(Text("\nThe last loop test of each SIM:"))
        say(loop_tests(status["loop_tests"]))
    for trouble in _troubles(status):
        say(f"\n{wrapped(trouble)}")


def _state(entry: Row) -> str:
    """The state of the SIM where the port works, else that of the port."""
    if entry["port_state"] != "up":
        return localised(word(entry["port_state"]))
    return ", ".join(localised(word(name)) for name in entry["state"])


_COLUMNS = (
    of("port"),
    Column(
        Text("slot"), lambda entry: f"{entry['slot']}{'*' if entry['slot'] == entry['active_slot'] else ''}"
    ),
    Column(Text("state"), _state, cut=True),
    of("number"),
    of("operator", cut=True),
    Column(Text("dBm"), lambda entry: signal(entry["signal_dbm"])),
)


def _of_ports(ports: Sequence[Row]) -> Iterator[Text]:
    """What a person should know of each port: what it is doing, unless it is ready, and remedies."""
    for port in ports:
        told = [] if port["detail"] in ("", localised(_READY)) else [port["detail"]]
        told += [condition["remedy"] for condition in port.get("conditions", ())]
        for sentence in told:
            yield Text("Port {port}: {told}", port=port["port"], told=sentence)


def _summary(status: Row) -> Iterator[Text]:
    """The daemon, its clock, its queue, and the SIMs."""
    store, clock, pending = status["store"], status["clock"], status["messages"]
    yield Text(
        "gatewayd {version} (process {process}) runs for {up}. Disk: {free} MiB are free; the database has {used}.",
        version=status["version"],
        process=status["process"],
        up=status["up"],
        free=store["free_bytes"] >> _MIB,
        used=store["bytes"] >> _MIB,
    )
    now = f"{local(clock['now'])} ({zone_name()})"
    if clock["trusted"]:
        yield Text("Time: {now}, trusted. {detail}", now=now, detail=clock["detail"])
    else:
        yield Text("Time: {now}, NOT trusted. {detail}", now=now, detail=clock["detail"])
    if pending["oldest_pending_at"]:
        queue = Text(
            "Messages pending: {count}, the oldest for {age}.",
            count=pending["pending"],
            age=pending["oldest_pending"],
        )
    else:
        queue = Text("Messages pending: {count}.", count=pending["pending"])
    yield Sentences([queue, _waiting(status["parts_waiting"])])
    for company in status["companies"]:
        if company["quota"] is not None:
            yield Text(
                "Quota of {company}: {used} of {quota} used this month.",
                company=company["name"],
                used=company["used_this_month"],
                quota=company["quota"],
            )
    balances = [told for sim in status.get("sims", ()) if (told := _balance(sim))]
    if balances:
        yield Text("Balances: {balances}.", balances=Sentences(balances, "; "))
    if fleet := status.get("fleet"):
        yield Text(
            "This box is {name} of a fleet: `gatewayd fleet status` shows all boxes.", name=fleet["name"]
        )
    for webhook in status.get("webhooks", ()):  # a daemon of an older version has none
        yield _webhook(webhook)


def _waiting(parts_waiting: Row) -> Text:
    if not parts_waiting:
        return Text("Parts ready to go: none.")
    of_sims = [Text("{count} for SIM {sim}", count=count, sim=sim) for sim, count in parts_waiting.items()]
    return Text("Parts ready to go: {of_sims}.", of_sims=Sentences(of_sims, ", "))


def _webhook(webhook: Row) -> Text:
    values = {"id": webhook["id"], "state": word(webhook["state"])}
    if not webhook["failing_since"]:
        return Text("Webhook {id} is {state}: gatewayd webhook show {id}", **values)
    since = short(webhook["failing_since"])
    return Text("Webhook {id} is {state} since {since}: gatewayd webhook show {id}", **values, since=since)


def _troubles(status: Row) -> Iterator[str]:
    """What needs a person, beside the ports."""
    yield from sim_notices.of(status.get("sims", ()))
    if status["backlog_sims"]:
        yield Text(
            "From before an outage, and sent slowly (dispatch.backlog_rate): the old ones of SIM {sims}.",
            sims=", ".join(map(str, status["backlog_sims"])),
        )
    if (fleet := status.get("fleet")) and fleet["trouble"]:
        yield fleet["trouble"]
    store = status["store"]
    if store["detail"]:
        yield Text("{detail}.", detail=_capital(store["detail"]))
    if store["backup_failure"]:
        yield Text("No backup: {reason}.", reason=store["backup_failure"])


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _balance(sim: Row) -> Text | None:
    """The balance and the bundle of a SIM, as far as they are known; None where nothing is."""
    told: list[str] = [f"{sim['balance']:g}"] if sim["balance_at"] else []
    if sim["bundle_units"] is not None:
        told.append(Text("{units} texts", units=sim["bundle_units"]))
    if sim["bundle_end"]:
        told.append(Text("until {end}", end=short(sim["bundle_end"])))
    return Text("SIM {sim}: {told}", sim=sim["id"], told=Sentences(told, ", ")) if told else None
