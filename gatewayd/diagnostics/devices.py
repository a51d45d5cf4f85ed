"""The configured ports: as the daemon tells of them, or as their devices answer where no daemon runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from config.settings import PortSettings, Settings
from gatewayd.diagnostics import cards
from gatewayd.diagnostics.cards import Card
from gatewayd.diagnostics.findings import Finding, fault, ok, warning
from modem import discovery
from modem.discovery import Device, Speech
from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.hardware.device_path import DeviceUnavailableError, find_device
from modem.port.status import PortState

Probe = Callable[[Sequence[Device]], list[discovery.Finding]]
"""Asks devices what they are, as `discovery.probe`."""


def as_told(settings: Settings, told: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """The ports by the word of the running daemon; their devices are not opened."""
    by_number = {port["port"]: port for port in told}
    found = []
    for port in settings.ports:
        about = f"port {port.port}"
        known = by_number.pop(port.port, None)
        if known is None or known["device"] != port.device:
            text = "The configuration changed since the daemon started: restart it (`sudo systemctl restart gatewayd`)."
            found.append(warning(about, text))
        if known is not None:
            found += _told_of_port(about, known)
            found += _conditions(about, known)
    found += [
        warning(
            f"port {number}", "It was taken out of the configuration: restart the daemon to let go of it."
        )
        for number in by_number
    ]
    return found


def _told_of_port(about: str, port: Mapping[str, Any]) -> list[Finding]:
    state = PortState(port["state"])
    if state is PortState.STARTING:
        return [
            warning(about, f"{port['device']} is being started: look again in a minute. {port['detail']}")
        ]
    if state in (PortState.ABSENT, PortState.STOPPED):
        return [fault(about, port["detail"])]
    slots = port["slots"]
    told = [_told_card(slot, port["active_slot"]) for slot in slots]
    if state is PortState.SICK and told[port["active_slot"] - 1].sim in (SimState.READY, SimState.UNKNOWN):
        return [fault(about, port["detail"])]  # the modem's trouble, not the card's
    found = [
        ok(about, f"{port['device']} answers: {port['model'] or 'a modem that does not say what it is'}.")
    ]
    for slot, card in zip(slots, told, strict=True):
        place = about if len(slots) == 1 else f"{about} slot {slot['slot']}"
        found += cards.check(place, card, has_pin=False)
    return found


def _conditions(about: str, port: Mapping[str, Any]) -> list[Finding]:
    """What needs an operator though the port works; a daemon of an older version tells none."""
    return [warning(about, condition["remedy"]) for condition in port.get("conditions", ())]


def _told_card(slot: Mapping[str, Any], active_slot: int) -> Card:
    return Card(
        sim=SimState(slot["sim"]),
        operator=slot["operator"],
        registration=Registration[slot["registration"].upper()],
        signal_dbm=slot["signal_dbm"],
        has_smsc=slot.get("has_smsc"),  # a daemon of an older version does not tell it
        iccid=slot["iccid"],
        active=slot["slot"] == active_slot,
    )


def as_found(settings: Settings, probe: Probe) -> list[Finding]:
    """The ports by what their devices answer. For when no daemon holds them."""
    paths: dict[int, str] = {}
    lost: dict[int, Finding] = {}
    for port in settings.ports:
        try:
            paths[port.port] = find_device(port.device)
        except DeviceUnavailableError as error:
            lost[port.port] = fault(f"port {port.port}", str(error))
    listed = {device.node: device for device in discovery.devices(paths.values())[0]}
    devices = {number: listed[os.path.realpath(path)] for number, path in paths.items()}
    shared = _shared(devices)
    asked = {number: device for number, device in devices.items() if number not in shared}
    answers = dict(zip(asked, probe(list(asked.values())), strict=True))
    found: list[Finding] = []
    for port in settings.ports:
        if port.port in lost:
            found.append(lost[port.port])
        elif port.port in shared:
            text = f"{port.device} is the device of port {shared[port.port]} too: correct `device` of one of them."
            found.append(fault(f"port {port.port}", text))
        else:
            found += _answered(port, answers[port.port])
    return found


def _shared(devices: Mapping[int, Device]) -> dict[int, int]:
    """The ports whose device is also that of an earlier one, and which that is."""
    first: dict[str, int] = {}
    for number, device in devices.items():
        first.setdefault(device.node, number)
    return {number: first[device.node] for number, device in devices.items() if first[device.node] != number}


def _answered(port: PortSettings, answer: discovery.Finding) -> list[Finding]:
    about, path = f"port {port.port}", answer.device.path
    if answer.speech is Speech.SHUT:
        return [fault(about, answer.detail)]
    if answer.speech is Speech.SILENT:
        return [
            fault(
                about,
                f"{path} can be opened, but nothing there speaks AT: is the modem powered, and this its AT interface?"
                " `gatewayd ports` shows which devices are modems.",
            )
        ]
    if answer.speech is not Speech.SMS:
        text = (
            f"{path} speaks AT, but takes no texts: `gatewayd ports` shows which interface of the modem does."
        )
        return [fault(about, text)]
    found = [ok(about, f"{path} answers: {answer.model or 'a modem that does not say what it is'}.")]
    if answer.baud not in (
        None,
        port.baud,
        discovery.FIRST_BAUD,
    ):  # at the first, modems on USB answer whatever is set
        found.append(
            fault(about, f"The modem speaks at {answer.baud} bits a second alone: set `baud` to that.")
        )
    if answer.detail:
        found.append(warning(about, f"{answer.detail} Look again in a minute."))
        return found
    card = Card(
        answer.sim,
        answer.operator,
        answer.registration,
        answer.signal_dbm,
        True if port.smsc is not None else answer.has_smsc,  # the daemon gives it the configured one
        answer.iccid,
    )
    return found + cards.check(about, card, has_pin=port.pin is not None)
