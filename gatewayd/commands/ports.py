"""`gatewayd ports`: list serial devices and modems, and the `[[ports]]` sections for the configuration."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from config.appending import append
from config.language.text import Text, text_of
from config.settings import ConfigError, PortSettings, Settings, load
from gatewayd.commands.command_help import examples
from gatewayd.commands.common import administer, config_path, fail, json_option, table
from gatewayd.commands.device_probe import probe_showing
from gatewayd.commands.invocation import language, localised
from gatewayd.commands.output import say
from gatewayd.commands.wrapping import for_errors, wrapped
from gatewayd.daemon.control_client import NotRunningError, ask
from gatewayd.errors import AdminError
from gatewayd.escaping import json_text, printable
from gatewayd.sims import known_ports
from gatewayd.sims.known_ports import KnownPort, Source
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.inspection import look
from modem import discovery
from modem.discovery import Device, Finding, ProbeResult
from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.hardware.device_path import DeviceUnavailableError, find_device
from modem.hardware.sysfs import MACHINE, Roots
from modem.port.status import PortState

_ANSWER_TIMEOUT_S = 30.0
_LONGEST_DEVICE, _LONGEST_MODEL, _LONGEST_OPERATOR = 18, 12, 10  # characters, so that a line fits 80 columns
_USUAL_BAUD = PortSettings.model_fields["baud"].default


@examples("gatewayd ports", "gatewayd ports --write", "gatewayd ports --toml >> gatewayd.toml")
@click.command()
@click.argument("devices", nargs=-1, metavar="[DEVICE]...")
@click.option("--glob", "globs", multiple=True, metavar="PATTERN", help="More devices. May be repeated.")
@click.option(
    "--probe/--no-probe", default=True, show_default=True, help="Identify each device by AT commands."
)
@click.option(
    "--sysroot",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder that replaces / for sys, dev and proc.",
)
@click.option(
    "--toml", is_flag=True, help="Print only the [[ports]] sections of the modems that have no port yet."
)
@click.option(
    "--write",
    is_flag=True,
    help="Write these sections into the configuration file; into the database where you may not write the file.",
)
@click.option("--wide", is_flag=True, help="Show all columns, however wide.")
@json_option
@click.pass_context
def ports(
    context: click.Context,
    devices: tuple[str, ...],
    globs: tuple[str, ...],
    probe: bool,
    sysroot: Path | None,
    toml: bool,
    write: bool,
    wide: bool,
    as_json: bool,
) -> None:
    """List serial devices, and which of them are modems.

    DEVICEs are listed besides the devices of the system, pseudo-terminals too. Devices of a running gateway are not opened:
    the daemon is asked about them.
    """
    roots = MACHINE if sysroot is None else Roots.under(sysroot)
    settings = _settings(context)
    running = _running(settings)
    configured = _configured(settings, running)
    numbers, rows = _port_numbers(configured, roots)
    matched = [path for pattern in globs for path in sorted(glob.glob(pattern))]
    seen, missing = discovery.devices((*numbers, *devices, *matched), roots)
    status_of = {port["port"]: port for port in running or ()}
    held = {node: status_of[number] for node, number in numbers.items() if number in status_of}
    to_probe = [device for device in seen if probe and device.node not in held]
    probed = {finding.device.node: finding for finding in probe_showing(to_probe, roots, hidden=as_json)}
    for device in seen:
        if device.node in held:
            finding = _from_status(device, held[device.node])
        else:
            finding = probed.get(device.node) or Finding(device, ProbeResult.UNASKED)
        rows.append(_Row(finding, numbers.get(device.node)))
    rows += [_Row(finding, None) for finding in missing]
    new = _new_modems(rows)
    first = max(configured, default=0) + 1
    sections = "\n".join(_section(finding, number) for number, finding in enumerate(new, first))
    if write:
        _write(context, new, first, sections, as_json)
    elif toml:
        say(sections, nl=False)
    else:
        _show(rows, sections, as_json, wide=wide)


@dataclass(frozen=True, slots=True)
class _Row:
    """A device, and the number of its configured port, if any."""

    finding: Finding
    port: int | None


def _settings(context: click.Context) -> Settings | None:
    """Load the configuration; None if there is none yet, because this command helps to write it. Exits with 1 if it is faulty."""
    path = config_path(context)
    source = context.find_root().get_parameter_source("config")
    named = source in (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.ENVIRONMENT)
    if not named and not path.exists():
        return None
    try:
        return load(path)
    except ConfigError as error:
        fail(error)


def _running(settings: Settings | None) -> list[Mapping[str, Any]] | None:
    """The port statuses of the running gateway; None if none runs. Exits with 1 if it cannot be asked."""
    if settings is None:
        return None
    try:
        status: Any = ask(settings.store.path, "status", {}, _ANSWER_TIMEOUT_S, language())
    except (NotRunningError, FileNotFoundError):
        return None
    except (AdminError, OSError) as error:
        fail(error)
    found: list[Mapping[str, Any]] = status["ports"]
    return found


def _port_numbers(configured: Mapping[int, str], roots: Roots) -> tuple[dict[str, int], list[_Row]]:
    """Map the device of each configured port to the port number; also return rows for ports without a device."""
    numbers: dict[str, int] = {}
    missing_rows: list[_Row] = []
    for number, device in configured.items():
        try:
            numbers[os.path.realpath(find_device(device, roots))] = number
        except DeviceUnavailableError as error:
            missing_rows.append(_Row(Finding(Device(device, device), ProbeResult.SHUT, str(error)), number))
    return numbers, missing_rows


def _from_status(device: Device, port: Mapping[str, Any]) -> Finding:
    """Build a finding from the port status of the running gateway."""
    slot = port["slots"][port["active_slot"] - 1]
    return Finding(
        device,
        ProbeResult.SMS if port["state"] == PortState.UP.value else ProbeResult.UNASKED,
        detail="" if port["state"] == PortState.UP.value else port["detail"],
        model=port["model"],
        imei=port["imei"],
        sim=SimState(slot["sim"]),
        iccid=slot["iccid"],
        operator=slot["operator"],
        registration=Registration[slot["registration"].upper()],
        signal_dbm=slot["signal_dbm"],
    )


def _configured(settings: Settings | None, running: list[Mapping[str, Any]] | None) -> dict[int, str]:
    """The device of each port: of the running gateway, else of the configuration file and the database."""
    if running is not None:
        return {port["port"]: port["device"] for port in running}
    if settings is None:
        return {}
    found = [KnownPort(port, Source.FILE) for port in settings.ports]
    if settings.store.path.exists():
        try:
            found = look(settings.store.path, lambda db: known_ports.in_use(db, settings.ports))
        except StoreUnavailableError as error:
            told = Text("the ports of the database are not known: {reason}", reason=text_of(error))
            say(for_errors(f"gatewayd: {localised(told)}"), err=True)
    return {port.number: port.settings.device for port in found}


def _write(context: click.Context, new: Sequence[Finding], first: int, sections: str, as_json: bool) -> None:
    """Write the ports of new modems into the configuration file, else into the database. Exits with 1 on failure."""
    path, numbers = config_path(context), list(range(first, first + len(new)))
    into = "file" if os.access(path, os.W_OK) and os.access(path.resolve().parent, os.W_OK) else "database"
    try:
        if new and into == "file":
            append(path, sections)
    except (ConfigError, OSError) as error:
        fail(error)
    if into == "database":
        for number, finding in zip(numbers, new, strict=True):
            more = {} if finding.baud in (None, _USUAL_BAUD) else {"baud": finding.baud}
            arguments = {"port": number, "device": finding.device.name, "settings": more}
            administer(context, "port.add", arguments)
    if as_json:
        say(json_text({"written": into, "ports": numbers}))
    elif not new:
        say(Text("There is no modem without a port."))
    elif into == "file":
        say(
            Text(
                "Ports {ports} were written to {path}: restart the gateway to start them.",
                ports=_list(numbers),
                path=path,
            )
        )
    else:
        say(
            Text(
                "Ports {ports} were added to the database; a running gateway has started them.",
                ports=_list(numbers),
            )
        )


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def _new_modems(rows: Sequence[_Row]) -> list[Finding]:
    """The modems that have no port yet."""
    known = {discovery.modem_of(row.finding.device) for row in rows if row.port is not None}
    return [
        finding
        for finding in discovery.modems(row.finding for row in rows)
        if discovery.modem_of(finding.device) not in known
    ]


def _section(finding: Finding, number: int) -> str:
    facts = [
        finding.model,
        f"IMEI {finding.imei}" if finding.imei else "",
        f"SIM {finding.iccid}" if finding.iccid else "",
        finding.operator,
        "" if finding.signal_dbm is None else f"{finding.signal_dbm} dBm",
    ]
    lines = [
        f"# {printable(', '.join(filter(None, facts))) or 'a modem of unknown model'}",
        "[[ports]]",
        f"port = {number}",
        f"device = {json_text(finding.device.name)}",
    ]
    if finding.baud not in (None, _USUAL_BAUD):
        lines.append(f"baud = {finding.baud}")
    if finding.sim is SimState.PIN_REQUIRED:
        lines.append('# pin = ""  # the SIM requires it')
    return "\n".join(lines) + "\n"


def _show(rows: Sequence[_Row], sections: str, as_json: bool, *, wide: bool) -> None:
    if as_json:
        document = {"devices": [_as_json(row) for row in rows], "configuration": sections}
        say(json_text(document))
        return
    if not rows:
        say(
            wrapped(
                Text("There is no serial device: is a modem plugged in and powered? Does `lsusb` list it?")
            )
        )
        return
    lines = _lines(rows)
    say(table(lines if wide else [_narrow(line) for line in lines]))
    for row in rows:
        if row.finding.detail:
            told = Text("{device}: {told}", device=row.finding.device.path, told=row.finding.detail)
            say(f"\n{wrapped(told)}")
    if sections:
        say(Text("\nFor the configuration (`gatewayd ports --write` writes it):\n"))
        say(sections, nl=False)


def _narrow(line: Mapping[str, object]) -> dict[str, object]:
    """The columns of a line that fit a terminal."""
    kept = {name: line[name] for name in ("device", "port", "speaks", "model", "SIM", "operator", "dBm")}
    device, model, sim = (str(kept[name]) for name in ("device", "model", "SIM"))
    kept["device"] = device if len(device) <= _LONGEST_DEVICE else f"…{device[1 - _LONGEST_DEVICE :]}"
    kept["model"] = model[:_LONGEST_MODEL]
    kept["SIM"] = f"…{sim[-4:]}" if sim.isdigit() else sim
    kept["operator"] = str(kept["operator"])[:_LONGEST_OPERATOR]
    return kept


def _lines(rows: Sequence[_Row]) -> list[dict[str, object]]:
    """Sort rows by USB device; the name of a device stands beside its first serial port only."""
    lines: list[dict[str, object]] = []
    last = ""
    for row in sorted(rows, key=lambda row: _sort_key(row.finding.device)):
        finding = row.finding
        tty = finding.device.tty
        usb = tty.usb if tty is not None else None
        usb_name = f"{usb.location} {usb.vendor}:{usb.product} {usb.name}".rstrip() if usb is not None else ""
        lines.append(
            {
                "USB device": usb_name if usb_name != last else '"' if usb_name else "",
                "if": tty.interface if tty is not None else None,
                "device": finding.device.path,
                "port": row.port,
                "speaks": finding.result.value,
                "baud": finding.baud,
                "model": finding.model,
                "IMEI": finding.imei,
                "SIM": finding.iccid or _state(finding),
                "operator": finding.operator,
                "network": _network(finding),
                "dBm": finding.signal_dbm,
            }
        )
        last = usb_name
    return lines


def _sort_key(device: Device) -> tuple[bool, str, int]:
    tty = device.tty
    if tty is None or tty.usb is None:
        return (True, "", 0)
    return (False, tty.usb.location, tty.interface or 0)


def _state(finding: Finding) -> str:
    return "" if finding.sim is SimState.UNKNOWN else finding.sim.value


def _network(finding: Finding) -> str:
    return "" if finding.registration is Registration.UNKNOWN else finding.registration.name.lower()


def _as_json(row: _Row) -> dict[str, object]:
    finding = row.finding
    tty = finding.device.tty
    usb = tty.usb if tty is not None else None
    return {
        "device": finding.device.path,
        "name": finding.device.name,
        "port": row.port,
        "usb": None
        if usb is None
        else {
            "location": usb.location,
            "vendor": usb.vendor,
            "product": usb.product,
            "serial": usb.serial,
            "name": usb.name,
        },
        "interface": tty.interface if tty is not None else None,
        "driver": tty.driver if tty is not None else "",
        "speaks": finding.result.value,
        "can_send": finding.can_send,
        "baud": finding.baud,
        "model": finding.model,
        "imei": finding.imei,
        "sim": finding.sim.value,
        "iccid": finding.iccid,
        "operator": finding.operator,
        "registration": finding.registration.name.lower(),
        "signal_dbm": finding.signal_dbm,
        "detail": finding.detail,
    }
