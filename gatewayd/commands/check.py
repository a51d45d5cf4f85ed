"""`gatewayd check`: find the faults of this box, and print the remedy of each."""

from __future__ import annotations

import functools
import shutil
import sys
from pathlib import Path
from typing import Any

import click
from tabulate import tabulate

from config.settings import Settings
from gatewayd.commands.api_address import check_answered, check_free
from gatewayd.commands.common import config_path, json_option
from gatewayd.commands.device_probe import probe_showing
from gatewayd.commands.output import say
from gatewayd.daemon.control_client import NotRunningError, ask
from gatewayd.diagnostics import (
    configuration,
    devices,
    running,
    system,
)
from gatewayd.diagnostics.devices import Probe
from gatewayd.diagnostics.findings import Finding, Grade, as_document, fault, ok, warning
from gatewayd.errors import AdminError
from gatewayd.escaping import json_text, printable
from gatewayd.store.inspection import lock_holder

_ANSWER_TIMEOUT_S = 30.0
_COLOURS = {Grade.OK: "green", Grade.WARNING: "yellow", Grade.FAULT: "red"}
_WIDEST_GRADE = 12  # with the spaces between the columns
_NARROWEST = 40
_DAEMON = "daemon"


@click.command()
@json_option
@click.pass_context
def check(context: click.Context, as_json: bool) -> None:
    """Check everything that sending needs, and print what to do about each fault.

    The exit code is 1 if there is a fault. Devices of a running gateway are not opened: the daemon is asked about them.
    """
    findings = examine(config_path(context), functools.partial(probe_showing, hidden=as_json))
    if as_json:
        say(json_text(as_document(findings)))
    else:
        _show(findings)
    if any(finding.grade is Grade.FAULT for finding in findings):
        raise SystemExit(1)


def examine(config: Path, probe: Probe) -> list[Finding]:
    """Return all findings. `probe` examines the devices if no daemon holds them."""
    settings, findings = configuration.check(config)
    if settings is None:
        text = "Devices, database and address were not checked: the configuration names them."
        return [
            *findings,
            warning("the rest", f"{text} Correct it, and run this again."),
            system.check_clock(None, None),
            system.check_version(None, daemon=False),
        ]
    status, daemon_finding = _daemon(settings)
    findings.append(daemon_finding)
    if status is not None:
        findings += running.by_status(settings, status)
    elif _may_hold_devices(settings):
        text = "The devices were not probed, because a gateway that does not answer may hold them: see the fault above."
        findings.append(warning("ports", text))
    else:
        findings += devices.from_probe(settings, probe)
    findings += running.of_files(settings, daemon_answers=status is not None)
    findings.append(check_free(settings.api) if status is None else check_answered(settings.api))
    findings.append(system.check_clock(settings, None if status is None else status["clock"]))
    version = None if status is None else status.get("version")  # None for a daemon of an older version
    findings.append(system.check_version(version, daemon=status is not None))
    return findings


def _daemon(settings: Settings) -> tuple[dict[str, Any] | None, Finding]:
    """Return the status of the daemon, and whether it runs and answers."""
    try:
        status: Any = ask(settings.store.path, "status", {}, _ANSWER_TIMEOUT_S)
    except (NotRunningError, FileNotFoundError):
        return None, fault(_DAEMON, "No gatewayd is running: start it (`sudo systemctl start gatewayd`).")
    except AdminError as error:
        return None, fault(_DAEMON, f"The daemon cannot be asked: {error}.")
    except OSError as error:
        return None, fault(_DAEMON, f"The daemon cannot be asked ({error}): run this with sudo.")
    return status, ok(_DAEMON, "It runs and answers.")


def _may_hold_devices(settings: Settings) -> bool:
    try:
        return lock_holder(settings.store.path) is not None
    except FileNotFoundError:
        return False
    except OSError:
        return True  # not known


def _text_width(findings: list[Finding]) -> int | None:
    """The width of the text column on a terminal, which would otherwise break lines within words."""
    if not sys.stdout.isatty():
        return None
    left = max(len(finding.about) for finding in findings) + _WIDEST_GRADE
    return max(_NARROWEST, shutil.get_terminal_size().columns - left)


def _show(findings: list[Finding]) -> None:
    rows = [
        (
            click.style(finding.grade.value, fg=_COLOURS[finding.grade]),
            printable(finding.about),
            printable(finding.text),
        )
        for finding in findings
    ]
    widths = [None, None, _text_width(findings)]
    say(tabulate(rows, tablefmt="plain", disable_numparse=True, maxcolwidths=widths), style=True)
    counted = as_document(findings)
    say(f"\nFaults: {counted['faults']}. Warnings: {counted['warnings']}.")
