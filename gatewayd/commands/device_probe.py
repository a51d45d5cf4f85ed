"""Probe serial devices and show the progress on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from modem import discovery
from modem.discovery import Device
from modem.hardware.sysfs import MACHINE, Roots


def probe_showing(
    devices: Sequence[Device], roots: Roots = MACHINE, *, hidden: bool = False
) -> list[discovery.Finding]:
    """Run `discovery.probe`, with a progress bar if standard error is a terminal."""
    hidden = hidden or not sys.stderr.isatty() or not devices
    with click.progressbar(
        length=len(devices), label="Asking the devices", file=sys.stderr, hidden=hidden
    ) as bar:
        return discovery.probe(devices, on_finding=lambda _: bar.update(1), roots=roots)
