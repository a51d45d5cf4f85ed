"""Gap: how long a modem waits from its OK to the next AT+CMGS, where the network takes no time at all."""

from __future__ import annotations

import time
from collections.abc import Mapping
from statistics import median

from tests.bench.report import Report
from tests.bench.stage import QUICK_ONES, Effort, Maker, p99, stage

BAUDS = {0: "no line", 115200: "115200 baud"}
QUEUED_A_SECOND = 500


def measure(report: Report, makers: Mapping[str, Maker], effort: Effort) -> None:
    """One run of all."""
    for baud, line in BAUDS.items():
        for who, make in makers.items():
            if baud and not effort.full and who not in QUICK_ONES:
                continue
            with stage(make, 1, 0.0, baud) as (bank, candidate):
                count = int(effort.seconds * QUEUED_A_SECOND)
                candidate.start()
                candidate.fill(count)
                bank.await_all_busy(30)
                start = time.monotonic()
                bank.await_count(count, effort.seconds)
                end = time.monotonic()
                gaps = bank.gaps(start, end)
                late = p99(gaps)
                report.add(
                    "Gap between messages, 1 port, submission 0 s",
                    line,
                    who,
                    median_ms=1000 * median(gaps) if gaps else None,
                    p99_ms=None if late is None else 1000 * late,
                    messages=len(gaps),
                )
