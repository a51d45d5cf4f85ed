"""`gatewayd port list|add|set|remove|pause|resume|restart|history`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from config.language.text import Sentences, Text
from gatewayd.commands.command_help import examples
from gatewayd.commands.common import administer, given, json_option, show, show_list, wide_option
from gatewayd.commands.invocation import localised
from gatewayd.commands.output import say
from gatewayd.commands.tables import Column, Row, local, of, short, signal
from gatewayd.commands.words import word
from gatewayd.commands.wrapping import wrapped
from gatewayd.escaping import json_text

_LONGEST_DEVICE = 20  # characters, so that a line fits 80 columns

_NUMBER = click.IntRange(1, 9999)


def _states(names: Sequence[str]) -> str:
    return ", ".join(localised(word(name)) for name in names)


def _shortened(device: str) -> str:
    """The end of a long name: that is where two devices differ."""
    return device if len(device) <= _LONGEST_DEVICE else f"…{device[1 - _LONGEST_DEVICE :]}"


_COLUMNS = (
    of("port"),
    of("state"),
    Column(Text("SIM"), lambda entry: _states(entry["sim"]), cut=True),
    of("operator", cut=True),
    Column(Text("dBm"), lambda entry: signal(entry["signal_dbm"])),
    Column(Text("device"), lambda entry: _shortened(entry["device"])),
    Column(Text("in"), lambda entry: Text("file") if entry["source"] == "file" else Text("database")),
)


@examples("gatewayd port list", "gatewayd port add 5 usb:1-1.4:2 --pin -", "gatewayd port pause 5")
@click.group()
def port() -> None:
    """Manage the ports while the gateway runs: add, change, pause, restart.

    Ports of the configuration file can be paused and restarted; they are changed in the file.
    """


@examples("gatewayd port list")
@port.command("list")
@wide_option
@json_option
@click.pass_context
def list_(context: click.Context, wide: bool, as_json: bool) -> None:
    """List the ports, where each is configured, and its state."""
    show_list(
        "ports",
        administer(context, "port.list"),
        _COLUMNS,
        as_json=as_json,
        wide=wide,
        empty=Text("There is no port: `gatewayd ports` finds the modems, `gatewayd port add` adds one."),
        note=_note,
    )


def _note(entry: Row) -> str:
    """Why a port does not work, and since when it is paused."""
    detail = entry["detail"] if entry["state"] not in ("up", "not_running") else ""
    if not entry["paused_since"]:
        return str(detail)
    return Sentences([detail, Text("It is paused since {since}.", since=short(entry["paused_since"]))])


@examples("gatewayd port add 5 /dev/ttyUSB4", "gatewayd port add 5 usb:1-1.4:2 --slots 2")
@port.command()
@click.argument("number", type=_NUMBER)
@click.argument("device")
@click.option("--baud", type=int, help="Bits per second; only a modem behind a UART has a speed.")
@click.option("--slots", type=int, help="The number of SIM slots behind one modem.")
@click.option(
    "--pin",
    help="The PIN of its SIMs. Other users of this box may see it in the list of processes: `-` reads it.",
)
@click.option("--smsc", help="The number of the service centre, where the SIM has none.")
@click.option("--rtscts/--no-rtscts", default=None, help="Use hardware flow control.")
@json_option
@click.pass_context
def add(context: click.Context, /, number: int, device: str, as_json: bool, **more: object) -> None:
    """Add a port to the database and start it at once."""
    settings = {name: value for name, value in more.items() if value is not None}
    arguments = {"port": number, "device": device, "settings": _with_typed_pin(settings)}
    _show_one(administer(context, "port.add", arguments), as_json)


@examples("gatewayd port set 5 --pin -")
@port.command("set")
@click.argument("number", type=_NUMBER)
@click.option("--device", help="The serial device.")
@click.option("--baud", type=int, help="Bits per second.")
@click.option("--slots", type=int, help="The number of SIM slots.")
@click.option("--pin", help="The PIN of its SIMs; none: no PIN; `-` reads it from standard input.")
@click.option("--smsc", help="The number of the service centre; none: the one on the SIM.")
@click.option("--rtscts/--no-rtscts", default=None, help="Use hardware flow control.")
@json_option
@click.pass_context
def set_(context: click.Context, /, number: int, as_json: bool, **_: object) -> None:
    """Change a port of the database. It works with the change after the message in the air."""
    names = ("device", "baud", "slots", "pin", "smsc", "rtscts")
    changes = given(context, {name: name for name in names})
    changes = {name: None if value == "none" else value for name, value in changes.items()}
    _show_one(administer(context, "port.set", {"port": number, "changes": _with_typed_pin(changes)}), as_json)


@examples("gatewayd port remove 5")
@port.command()
@click.argument("number", type=_NUMBER)
@json_option
@click.pass_context
def remove(context: click.Context, number: int, as_json: bool) -> None:
    """Remove a port from the database and end it. Its SIMs and messages stay."""
    removed = administer(context, "port.remove", {"port": number})
    if as_json:
        show(removed, as_json)
    elif removed["ended"]:
        say(Text("Port {number} was removed.", number=number))
    else:
        say(Text("Port {number} was removed; it still finishes a message, and ends then.", number=number))


@examples("gatewayd port pause 5")
@port.command()
@click.argument("number", type=_NUMBER)
@json_option
@click.pass_context
def pause(context: click.Context, number: int, as_json: bool) -> None:
    """Pause a port until `resume`: other programs may use its device meanwhile.

    It finishes the message in the air first. It stays paused over a restart of the gateway.
    """
    _show_one(administer(context, "port.pause", {"port": number}), as_json)


@examples("gatewayd port resume 5")
@port.command()
@click.argument("number", type=_NUMBER)
@json_option
@click.pass_context
def resume(context: click.Context, number: int, as_json: bool) -> None:
    """Have a paused port work again."""
    _show_one(administer(context, "port.resume", {"port": number}), as_json)


@examples("gatewayd port restart 5")
@port.command()
@click.argument("number", type=_NUMBER)
@json_option
@click.pass_context
def restart(context: click.Context, number: int, as_json: bool) -> None:
    """Restart the modem of a port, after the message in the air. It takes about half a minute."""
    _show_one(administer(context, "port.restart", {"port": number}), as_json)


@examples("gatewayd port history 5")
@port.command()
@click.argument("number", type=_NUMBER)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="The most lines.")
@json_option
@click.pass_context
def history(context: click.Context, number: int, limit: int, as_json: bool) -> None:
    """List the losses, recoveries, restarts and pauses of a port since the gateway started."""
    changes: Sequence[Any] = administer(context, "port.history", {"port": number})[:limit]
    if as_json:
        say(json_text({"changes": changes}))
        return
    for change in changes:
        beginning = f"{local(change['at'])}  {localised(word(change['state'])):<9}  "
        say(wrapped(change["detail"], " " * len(beginning), beginning))


def _with_typed_pin(settings: dict[str, object]) -> dict[str, object]:
    """The settings, with the PIN from standard input where it is `-`: the list of processes does not show it then."""
    if settings.get("pin") != "-":
        return settings
    return {**settings, "pin": sys.stdin.readline().strip()}


def _show_one(one: Mapping[str, Any], as_json: bool) -> None:
    show(one if as_json else {**one, "sim": _states(one["sim"])}, as_json)
