"""The time from the OK of a modem to the next AT+CMGS, with a network that answers at once."""

from __future__ import annotations

import time
from statistics import median

from tests.bench.measurement import Effort, in_ms, p99, program_on_bank
from tests.bench.program import Program
from tests.bench.report import Report

TITLE = "Gap between messages, 1 port, submission 0 s"
BAUDS = {0: "no line", 115200: "115200 baud"}
QUEUED_A_SECOND = 700


def measure(report: Report, kind: type[Program], effort: Effort) -> None:
    """One run."""
    for baud, line in BAUDS.items():
        if not baud or effort.includes(kind):
            measure_one(report, kind, effort, baud, line)


def measure_one(report: Report, kind: type[Program], effort: Effort, baud: int, line: str) -> None:
    """One run with one speed of the line."""
    with program_on_bank(kind, 1, 0.0, baud) as (bank, program):
        count = int(effort.seconds * QUEUED_A_SECOND)
        program.start()
        program.fill(count)
        bank.await_all_busy(30)
        start = time.monotonic()
        bank.await_count(count, effort.seconds)
        gaps = bank.gaps(start, time.monotonic())
        report.add(
            TITLE,
            line,
            kind.name,
            median_ms=in_ms(median(gaps) if gaps else None),
            p99_ms=in_ms(p99(gaps)),
            messages=len(gaps),
        )
