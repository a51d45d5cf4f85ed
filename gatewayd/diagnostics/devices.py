"""Check the configured ports: by the status of the daemon, or by probing their devices if no daemon runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from config.language.text import Sentences, Text
from config.settings import PortSettings, Settings
from gatewayd.diagnostics import sim
from gatewayd.diagnostics.findings import Finding, fault, ok, warning
from gatewayd.diagnostics.sim import SimStatus
from gatewayd.sims import known_ports
from gatewayd.sims.known_ports import KnownPort, Source
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.inspection import look
from gatewayd.store.store_files import misowned
from gatewayd.timekeeping.clock import iso
from modem import discovery
from modem.discovery import Device, ProbeResult
from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.hardware.device_path import DeviceUnavailableError, find_device
from modem.port.status import PortState

_NO_PORTS = fault(
    Text("ports"), Text("There are no ports, so nothing can be sent: `gatewayd ports` finds the modems.")
)

Probe = Callable[[Sequence[Device]], list[discovery.Finding]]
"""Identifies devices, like `discovery.probe`."""


def from_status(settings: Settings, ports: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Check the ports by the status of the running daemon; their devices are not opened."""
    by_number = {port["port"]: port for port in ports}
    found = [] if settings.ports or ports else [_NO_PORTS]
    for port in settings.ports:
        about = Text("port {port}", port=port.port)
        known = by_number.pop(port.port, None)
        if known is None or known["device"] != port.device:
            text = Text(
                "The configuration has changed since the daemon started: restart it (`sudo systemctl restart gatewayd`)."
            )
            found.append(warning(about, text))
        if known is not None:
            found += _from_port_status(about, known)
            found += _conditions(about, known)
    for number, known in by_number.items():
        about = Text("port {port}", port=number)
        if known.get("source") == "database":  # missing in the status of an older version
            found += [*_from_port_status(about, known), *_conditions(about, known)]
        else:
            text = Text("It was removed from the configuration: restart the daemon to close it.")
            found.append(warning(about, text))
    return found


def _from_port_status(about: str, port: Mapping[str, Any]) -> list[Finding]:
    state = PortState(port["state"])
    if state is PortState.STARTING:
        starting = Text("{device} is starting: run this again in a minute.", device=port["device"])
        return [warning(about, Sentences((starting, port["detail"])))]
    if state is PortState.PAUSED:
        return [_paused(port["port"], port.get("paused_since"))]
    if state in (PortState.ABSENT, PortState.STOPPED):
        return [fault(about, port["detail"])]
    slots = port["slots"]
    statuses = [_sim_status(slot, port["active_slot"]) for slot in slots]
    if state is PortState.SICK and statuses[port["active_slot"] - 1].sim in (
        SimState.READY,
        SimState.UNKNOWN,
    ):
        return [fault(about, port["detail"])]  # a fault of the modem, not of the SIM
    found = [ok(about, _answers(port["device"], port["model"]))]
    for slot, status in zip(slots, statuses, strict=True):
        place = about if len(slots) == 1 else Text("{port} slot {slot}", port=about, slot=slot["slot"])
        found += sim.check(place, status, has_pin=False)
    return found


def _conditions(about: str, port: Mapping[str, Any]) -> list[Finding]:
    """Warnings about a working port that needs the operator; none from a daemon of an older version."""
    return [warning(about, condition["remedy"]) for condition in port.get("conditions", ())]


def _sim_status(slot: Mapping[str, Any], active_slot: int) -> SimStatus:
    return SimStatus(
        sim=SimState(slot["sim"]),
        operator=slot["operator"],
        registration=Registration[slot["registration"].upper()],
        signal_dbm=slot["signal_dbm"],
        has_smsc=slot.get("has_smsc"),  # missing in the status of an older version
        iccid=slot["iccid"],
        active=slot["slot"] == active_slot,
    )


def from_probe(settings: Settings, probe: Probe) -> list[Finding]:
    """Check the ports by probing their devices, which no daemon may hold."""
    paths: dict[int, str] = {}
    lost: dict[int, Finding] = {}
    ports, found = _to_probe(settings)
    for port in ports:
        try:
            paths[port.port] = find_device(port.device)
        except DeviceUnavailableError as error:
            lost[port.port] = fault(Text("port {port}", port=port.port), error.args[0])
    listed = {device.node: device for device in discovery.devices(paths.values())[0]}
    devices = {number: listed[os.path.realpath(path)] for number, path in paths.items()}
    shared = _shared(devices)
    asked = {number: device for number, device in devices.items() if number not in shared}
    answers = dict(zip(asked, probe(list(asked.values())), strict=True))
    for port in ports:
        if port.port in lost:
            found.append(lost[port.port])
        elif port.port in shared:
            text = Text(
                "{device} is also the device of port {port}: correct `device` of one of them.",
                device=port.device,
                port=shared[port.port],
            )
            found.append(fault(Text("port {port}", port=port.port), text))
        else:
            found += _answered(port, answers[port.port])
    return found


def _answers(device: str, model: str) -> Text:
    if model:
        return Text("{device} answers: {model}.", device=device, model=model)
    return Text("{device} answers: a modem of unknown model.", device=device)


def _to_probe(settings: Settings) -> tuple[list[PortSettings], list[Finding]]:
    """The ports to probe, also those of the database where it can be read; and findings about the others."""
    known = [KnownPort(port, Source.FILE) for port in settings.ports]
    store = settings.store.path
    try:
        if os.access(store, os.R_OK) and not misowned(store):
            known = look(store, lambda db: known_ports.in_use(db, settings.ports))
    except (OSError, StoreUnavailableError):
        pass  # `database` reports it
    paused = [port for port in known if port.paused_since is not None]
    found = [_paused(port.number, iso(port.paused_since or 0)) for port in paused]
    return [port.settings for port in known if port not in paused], found if known else [_NO_PORTS]


def _paused(port: int, since: str | None) -> Finding:
    resume = Text("`gatewayd port resume {port}` starts it again.", port=port)
    if since is None:
        paused = Text("It is paused:")
    else:
        time = f"{since[:16].replace('T', ' ')} UTC"
        paused = Text("It is paused since {time}:", time=time)
    return warning(Text("port {port}", port=port), Sentences((paused, resume)))


def _shared(devices: Mapping[int, Device]) -> dict[int, int]:
    """Map each port whose device also belongs to an earlier port to that port."""
    first: dict[str, int] = {}
    for number, device in devices.items():
        first.setdefault(device.node, number)
    return {number: first[device.node] for number, device in devices.items() if first[device.node] != number}


def _answered(port: PortSettings, answer: discovery.Finding) -> list[Finding]:
    about, path = Text("port {port}", port=port.port), answer.device.path
    if answer.result is ProbeResult.SHUT:
        return [fault(about, answer.detail)]
    if answer.result is ProbeResult.SILENT:
        return [
            fault(
                about,
                Text(
                    "{device} can be opened, but nothing there answers AT commands: is the modem powered, and is this its AT"
                    " interface? `gatewayd ports` shows which devices are modems.",
                    device=path,
                ),
            )
        ]
    if answer.result is not ProbeResult.SMS:
        text = Text(
            "{device} answers AT commands, but cannot send texts: `gatewayd ports` shows which interface of the modem can.",
            device=path,
        )
        return [fault(about, text)]
    found = [ok(about, _answers(path, answer.model))]
    if answer.baud not in (
        None,
        port.baud,
        discovery.FIRST_BAUD,
    ):  # USB modems answer at the first baud rate, whatever is set
        found.append(
            fault(
                about,
                Text(
                    "The modem answers only at {baud} bits per second: set `baud` to that.", baud=answer.baud
                ),
            )
        )
    if answer.detail:
        found.append(warning(about, Sentences((answer.detail, Text("Run this again in a minute.")))))
        return found
    status = SimStatus(
        answer.sim,
        answer.operator,
        answer.registration,
        answer.signal_dbm,
        True if port.smsc is not None else answer.has_smsc,  # the daemon sets the configured one
        answer.iccid,
    )
    return found + sim.check(about, status, has_pin=port.pin is not None)
