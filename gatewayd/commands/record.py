"""`gatewayd record`: ask a modem how it speaks, for a file that the simulator plays."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from config.language.text import Text
from gatewayd.commands.command_help import examples
from gatewayd.commands.common import fail, follow_daemon, json_option
from gatewayd.commands.output import say
from gatewayd.escaping import json_text, printable
from gatewayd.version import VERSION
from modem.hardware.device_path import DeviceUnavailableError
from modem.recording import document
from modem.recording.device import record_device
from modem.recording.line import LineLostError
from modem.recording.recorder import NoModemError, Recorder, Wishes


@examples("sudo gatewayd record 1 my-modem.json", "gatewayd record /dev/ttyUSB2 my-modem.json --restart")
@click.command()
@click.argument("place", metavar="PORT|DEVICE")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--restart", is_flag=True, help="Restart the modem at the end, and record what it says then.")
@click.option("--send", "send_to", metavar="NUMBER", help="Send one real text to this number of your own.")
@click.option("--baud", default=115_200, show_default=True, help="The speed of a DEVICE.")
@click.option(
    "--slots", default=1, show_default=True, type=click.IntRange(1, 64), help="The SIM slots of a DEVICE."
)
@json_option
@click.pass_context
def record(
    context: click.Context,
    place: str,
    file: Path,
    restart: bool,
    send_to: str | None,
    baud: int,
    slots: int,
    as_json: bool,
) -> None:
    """Record how a modem answers harmless questions into FILE, without personal data.

    PORT is a port of the running daemon, which is paused for a minute at most; DEVICE is a serial device that no program uses.
    Numbers of persons, cards and modems in the file are made up. An existing file is never overwritten.
    """
    if os.path.lexists(file):
        fail(Text("{path} already exists", path=file))
    if not file.parent.is_dir():
        fail(Text("there is no folder {folder}, or you may not read it", folder=file.parent))
    if place.isdecimal():
        text = _of_port(context, int(place), restart, send_to, quiet=as_json)
    else:
        text = _of_device(place, baud, Wishes(restart, send_to, slots), quiet=as_json)
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        fail(Text("{path} already exists", path=file))
    except OSError as error:
        fail(Text("{path} cannot be written: {reason}", path=file, reason=error.strerror or str(error)))
    modem = document.parse(text.encode()).modem
    if as_json:
        say(json_text({"file": str(file.absolute()), "modem": modem.model_dump()}))
        return
    name = f"{modem.manufacturer} {modem.model}"
    say(Text("{path} is the recording of {name}. Read it, and send it to the project.", path=file, name=name))


def _of_port(context: click.Context, port: int, restart: bool, send_to: str | None, *, quiet: bool) -> str:
    arguments = {"port": port, "restart": restart, "send_to": send_to}
    text = ""
    for batch in follow_daemon(context, "record", arguments):
        for told in batch:
            text = told.get("recording", "")
            shown = "" if text else _sentence(told["done"], told["of"], told["command"])
            _show_progress(shown, quiet=quiet)
    if not text:
        fail(Text("the daemon ended before the recording did"))
    return text


def _of_device(device: str, baud: int, wishes: Wishes, *, quiet: bool) -> str:
    recorder = Recorder(
        wishes,
        by=f"gatewayd {VERSION}",
        today=datetime.now(UTC).date(),
        on_progress=lambda done, of, command: _show_progress(_sentence(done, of, command), quiet=quiet),
    )
    try:
        recording = record_device(device, baud, recorder)
    except (DeviceUnavailableError, NoModemError, LineLostError) as error:
        _show_progress("", quiet=quiet)
        fail(error)
    _show_progress("", quiet=quiet)
    return document.text_of(recording)


def _sentence(done: int, of: int, command: str) -> str:
    return f"{done} of {of}: {printable(command)}"[:78]


def _show_progress(text: str, *, quiet: bool) -> None:
    """Show one line on a terminal, in place of the last one."""
    if not quiet and sys.stderr.isatty():
        say(f"\r{text:<79}\r{text}", err=True, nl=False)
