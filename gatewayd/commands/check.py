"""`gatewayd check`: find the faults of this box, and print the remedy of each."""

from __future__ import annotations

import functools
from collections import Counter
from pathlib import Path
from typing import Any

import click

from config.language.text import Text, text_of
from config.settings import Settings
from gatewayd.commands import invocation
from gatewayd.commands.api_address import check_answered, check_free
from gatewayd.commands.command_help import examples
from gatewayd.commands.common import config_path, json_option, start_command
from gatewayd.commands.device_probe import probe_showing
from gatewayd.commands.output import say
from gatewayd.commands.words import word
from gatewayd.commands.wrapping import wrapped
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
_DAEMON = Text("daemon")
_FLEET = Text("fleet")


@examples("gatewayd check", "sudo gatewayd check --json")
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
        text = Text(
            "Devices, database and address were not checked: the configuration names them. Correct it, and run this again."
        )
        return [
            *findings,
            warning(Text("the rest"), text),
            system.check_clock(None, None),
            system.check_version(None, daemon=False),
        ]
    status, daemon_finding = _daemon(settings)
    findings.append(daemon_finding)
    if status is not None:
        findings += running.by_status(settings, status)
    elif _may_hold_devices(settings):
        text = Text(
            "The devices were not probed, because a gateway that does not answer may hold them: see the fault above."
        )
        findings.append(warning(Text("ports"), text))
    else:
        findings += devices.from_probe(settings, probe)
    findings += running.of_files(settings, daemon_answers=status is not None)
    findings += _fleet(settings)
    findings.append(check_free(settings.api) if status is None else check_answered(settings.api))
    findings.append(system.check_clock(settings, None if status is None else status["clock"]))
    version = None if status is None else status.get("version")  # None for a daemon of an older version
    findings.append(system.check_version(version, daemon=status is not None))
    return findings


def _daemon(settings: Settings) -> tuple[dict[str, Any] | None, Finding]:
    """Return the status of the daemon, and whether it runs and answers."""
    try:
        status: Any = ask(settings.store.path, "status", {}, _ANSWER_TIMEOUT_S, invocation.language())
    except (NotRunningError, FileNotFoundError):
        return None, fault(
            _DAEMON, Text("No gatewayd is running: start it (`{command}`).", command=start_command())
        )
    except AdminError as error:
        return None, fault(_DAEMON, Text("The daemon cannot be asked: {reason}.", reason=text_of(error)))
    except OSError as error:
        reason = str(error)
        return None, fault(
            _DAEMON, Text("The daemon cannot be asked ({reason}): run this with sudo.", reason=reason)
        )
    return status, ok(_DAEMON, Text("It runs and answers."))


def _fleet(settings: Settings) -> list[Finding]:
    """The findings about the other boxes and their PostgreSQL; none for a box that is alone."""
    if not settings.fleet.joined:
        return []
    from gatewayd.fleet.setup import requirements

    if (missing := requirements.missing()) is not None:
        return [fault(_FLEET, Text("{missing}.", missing=missing))]
    from gatewayd.fleet.setup import findings, observing

    untold = observing.untold_of(settings.store.path)
    return findings.of_document(observing.observed(settings.fleet, untold))


def _may_hold_devices(settings: Settings) -> bool:
    try:
        return lock_holder(settings.store.path) is not None
    except FileNotFoundError:
        return False
    except OSError:
        return True  # not known


def _show(findings: list[Finding]) -> None:
    """Print the findings in three columns, the sentences wrapped in the third one."""
    grades = {grade: invocation.localised(word(grade.value)) for grade in Grade}
    widest_grade = max(map(len, grades.values()))
    about = [printable(invocation.localised(finding.about)) for finding in findings]
    widest_about = max(map(len, about))
    for finding, subject in zip(findings, about, strict=True):
        grade = grades[finding.grade]
        first = f"{grade.ljust(widest_grade)}  {subject.ljust(widest_about)}  "
        lines = wrapped(finding.text, " " * len(first), first)
        say(f"{click.style(grade, fg=_COLOURS[finding.grade])}{lines[len(grade) :]}", style=True)
    counted = Counter(finding.grade for finding in findings)
    say(
        Text(
            "\nFaults: {faults}. Warnings: {warnings}.",
            faults=counted[Grade.FAULT],
            warnings=counted[Grade.WARNING],
        )
    )
