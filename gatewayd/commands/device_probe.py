"""Probe serial devices and show the progress on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from config.language.text import Text
from gatewayd.commands.invocation import localised
from gatewayd.commands.progress import shown
from modem import discovery
from modem.discovery import Device
from modem.hardware.sysfs import MACHINE, Roots


def probe_showing(
    devices: Sequence[Device], roots: Roots = MACHINE, *, hidden: bool = False
) -> list[discovery.Finding]:
    """Run `discovery.probe`, with a progress bar if standard error is a terminal."""
    hidden = hidden or not shown() or not devices
    label = localised(Text("Asking the devices"))
    with click.progressbar(length=len(devices), label=label, file=sys.stderr, hidden=hidden) as bar:
        return discovery.probe(devices, on_finding=lambda _: bar.update(1), roots=roots)
