"""The memory and CPU time at rest, and the time to the first message after a start and after a modem was plugged in again."""

from __future__ import annotations

import time

import pytest

from tests.bench.gateway import Gatewayd
from tests.bench.measurement import Effort, program_on_bank
from tests.bench.program import Program
from tests.bench.report import Report

TITLE = "Rest, 64 ports"
AGAIN = "Time to recover"
CASE = "modem plugged in again"
PORTS = 64
SETTLED_S = 12.0
AWAY_S = 3.0
LONGEST_S = 30.0


def measure(report: Report, kind: type[Program], effort: Effort) -> None:
    """One run."""
    if kind is Gatewayd or (effort.full and effort.includes(kind)):
        _at_rest(report, kind, effort)
    if effort.full or kind is Gatewayd:
        _plugged_in_again(report, kind)


def _at_rest(report: Report, kind: type[Program], effort: Effort) -> None:
    with program_on_bank(kind, PORTS, 0.1) as (bank, program):
        start = time.monotonic()
        program.start()
        program.send(0)
        first = bank.asked_after(0.0) - start
        time.sleep(SETTLED_S)
        before, began = program.cpu_s(), time.monotonic()
        time.sleep(effort.seconds * 2)
        cpu = (program.cpu_s() - before) / (time.monotonic() - began)
        report.add(
            TITLE,
            "idle",
            kind.name,
            pss_mb=program.pss_mb(),
            cpu_share=cpu,
            start_to_first_message_s=first,
        )


def _plugged_in_again(report: Report, kind: type[Program]) -> None:
    with program_on_bank(kind, 1, 0.1) as (bank, program):
        program.start()
        program.send(0)
        bank.asked_after(0.0)
        time.sleep(1)
        bank.order(do="unplug", port=1)
        time.sleep(AWAY_S)
        back = time.monotonic()
        bank.order(do="replug", port=1)
        try:
            program.send(1)
            found = bank.asked_after(back, LONGEST_S) - back
        except (OSError, pytest.fail.Exception):
            report.add(AGAIN, CASE, kind.name, seconds=None)
            report.note(kind.name, f"not back within {LONGEST_S:g} s of a modem that was plugged in again")
        else:
            report.add(AGAIN, CASE, kind.name, seconds=found)
