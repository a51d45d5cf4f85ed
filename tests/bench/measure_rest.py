"""Rest: what doing nothing costs, how soon the first message goes after a start, and after a modem was plugged in again."""

from __future__ import annotations

import time

import pytest

from tests.bench.candidate import Candidate
from tests.bench.gateway import Gatewayd
from tests.bench.report import Report
from tests.bench.stage import Effort, stage

TITLE = "Rest, 64 ports"
AGAIN = "Back at work"
CASE = "modem plugged in again"
PORTS = 64
SETTLED_S = 12.0
AWAY_S = 3.0
PATIENCE_S = 30.0


def measure(report: Report, who: type[Candidate], effort: Effort) -> None:
    """One run."""
    if who is Gatewayd or (effort.full and effort.takes(who)):
        _at_rest(report, who, effort)
    if effort.full or who is Gatewayd:
        _plugged_in_again(report, who)


def _at_rest(report: Report, who: type[Candidate], effort: Effort) -> None:
    with stage(who, PORTS, 0.1) as (bank, candidate):
        start = time.monotonic()
        candidate.start()
        candidate.send(0)
        first = bank.asked_after(0.0) - start
        time.sleep(SETTLED_S)
        before, began = candidate.cpu_s(), time.monotonic()
        time.sleep(effort.seconds * 2)
        cpu = (candidate.cpu_s() - before) / (time.monotonic() - began)
        report.add(
            TITLE,
            "idle",
            who.name,
            pss_mb=candidate.pss_mb(),
            cpu_share=cpu,
            start_to_first_message_s=first,
        )


def _plugged_in_again(report: Report, who: type[Candidate]) -> None:
    with stage(who, 1, 0.1) as (bank, candidate):
        candidate.start()
        candidate.send(0)
        bank.asked_after(0.0)
        time.sleep(1)
        bank.order(do="unplug", port=1)
        time.sleep(AWAY_S)
        back = time.monotonic()
        bank.order(do="replug", port=1)
        try:
            candidate.send(1)
            found = bank.asked_after(back, PATIENCE_S) - back
        except (OSError, pytest.fail.Exception):
            report.add(AGAIN, CASE, who.name, seconds=None)
            report.note(who.name, f"not back within {PATIENCE_S:g} s of a modem that was plugged in again")
        else:
            report.add(AGAIN, CASE, who.name, seconds=found)
