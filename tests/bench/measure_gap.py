"""Gap: how long a modem waits from its OK to the next AT+CMGS, where the network takes no time at all."""

from __future__ import annotations

import time
from statistics import median

from tests.bench.candidate import Candidate
from tests.bench.report import Report
from tests.bench.stage import Effort, in_ms, p99, stage

TITLE = "Gap between messages, 1 port, submission 0 s"
BAUDS = {0: "no line", 115200: "115200 baud"}
QUEUED_A_SECOND = 700


def measure(report: Report, who: type[Candidate], effort: Effort) -> None:
    """One run."""
    for baud, line in BAUDS.items():
        if not baud or effort.takes(who):
            measure_one(report, who, effort, baud, line)


def measure_one(report: Report, who: type[Candidate], effort: Effort, baud: int, line: str) -> None:
    """One run on one line."""
    with stage(who, 1, 0.0, baud) as (bank, candidate):
        count = int(effort.seconds * QUEUED_A_SECOND)
        candidate.start()
        candidate.fill(count)
        bank.await_all_busy(30)
        start = time.monotonic()
        bank.await_count(count, effort.seconds)
        gaps = bank.gaps(start, time.monotonic())
        report.add(
            TITLE,
            line,
            who.name,
            median_ms=in_ms(median(gaps) if gaps else None),
            p99_ms=in_ms(p99(gaps)),
            messages=len(gaps),
        )
