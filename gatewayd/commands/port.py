"""`gatewayd port list|add|set|remove|pause|resume|restart|history`."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from gatewayd.commands.common import administer, given, json_option, show, table
from gatewayd.commands.output import say
from gatewayd.escaping import json_text, printable

_COLUMNS = 80
_LONGEST_DEVICE, _LONGEST_SIM, _LONGEST_OPERATOR = 20, 14, 10  # characters, so that a line fits 80 columns

_NUMBER = click.IntRange(1, 9999)


@click.group()
def port() -> None:
    """Manage the ports while the gateway runs: add, change, pause, restart.

    \b
    Examples:
      gatewayd port list
      gatewayd port add 5 usb:1-1.4:2 --pin 1234
      gatewayd port pause 5
      gatewayd port history 5

    Ports of the configuration file can be paused and restarted; they are changed in the file.
    """


@port.command("list")
@click.option("--wide", is_flag=True, help="Show all columns, however wide.")
@json_option
@click.pass_context
def list_(context: click.Context, wide: bool, as_json: bool) -> None:
    """List the ports, where each is configured, and its state."""
    found = administer(context, "port.list")
    if as_json:
        say(json_text({"ports": found}))
        return
    if not found:
        say("There is no port: `gatewayd ports` finds the modems, `gatewayd port add` adds one.")
        return
    say(table([{**one, "sim": _words(one["sim"])} if wide else _narrow(one) for one in found]))
    for one in found:
        if one["state"] not in ("up", "not_running") and one["detail"]:
            say("\n" + _wrapped(f"Port {one['port']}: {one['detail']}"))
        if one["paused_since"]:
            say(_wrapped(f"It is paused since {_local(one['paused_since'])}."))


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
        say(f"Port {number} was removed.")
    else:
        say(f"Port {number} was removed; it still finishes a message, and ends then.")


@port.command()
@click.argument("number", type=_NUMBER)
@json_option
@click.pass_context
def pause(context: click.Context, number: int, as_json: bool) -> None:
    """Pause a port until `resume`: other programs may use its device meanwhile.

    It finishes the message in the air first. It stays paused over a restart of the gateway.
    """
    _show_one(administer(context, "port.pause", {"port": number}), as_json)


@port.command()
@click.argument("number", type=_NUMBER)
@json_option
@click.pass_context
def resume(context: click.Context, number: int, as_json: bool) -> None:
    """Have a paused port work again."""
    _show_one(administer(context, "port.resume", {"port": number}), as_json)


@port.command()
@click.argument("number", type=_NUMBER)
@json_option
@click.pass_context
def restart(context: click.Context, number: int, as_json: bool) -> None:
    """Restart the modem of a port, after the message in the air. It takes about half a minute."""
    _show_one(administer(context, "port.restart", {"port": number}), as_json)


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
        beginning = f"{_local(change['at'])}  {change['state']:<8}  "
        say(
            textwrap.fill(
                printable(change["detail"]),
                _COLUMNS,
                initial_indent=beginning,
                subsequent_indent=" " * len(beginning),
            )
        )


def _with_typed_pin(settings: dict[str, object]) -> dict[str, object]:
    """The settings, with the PIN from standard input where it is `-`: the list of processes does not show it then."""
    if settings.get("pin") != "-":
        return settings
    return {**settings, "pin": sys.stdin.readline().strip()}


def _show_one(one: Mapping[str, Any], as_json: bool) -> None:
    show(dict(one) if as_json else {**one, "sim": _words(one["sim"])}, as_json)


def _narrow(one: Mapping[str, Any]) -> dict[str, object]:
    return {
        "port": one["port"],
        "state": one["state"].replace("_", " "),
        "SIM": _words(one["sim"])[:_LONGEST_SIM],
        "operator": one["operator"][:_LONGEST_OPERATOR],
        "dBm": one["signal_dbm"],
        "device": _shortened(one["device"], _LONGEST_DEVICE),
        "in": "file" if one["source"] == "file" else "db",
    }


def _words(names: list[str]) -> str:
    return ", ".join(names).replace("_", " ")


def _shortened(device: str, length: int) -> str:
    """The end of a long name: that is where two devices differ."""
    return device if len(device) <= length else f"…{device[1 - length :]}"


def _local(at: str) -> str:
    return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _wrapped(text: str) -> str:
    return textwrap.fill(printable(text), _COLUMNS)
