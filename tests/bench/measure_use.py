"""Use: the share of what modems could do that a full queue makes of them, what a message costs, and memory."""

from __future__ import annotations

import time

from tests.bench.candidate import Candidate
from tests.bench.report import Report
from tests.bench.stage import Effort, stage

WARM_S = 20.0
CYCLES = 3  # so many submissions are in a window at least: counted are whole ones
QUICK = ((16, 1.0),)
FULL = ((16, 1.0), (16, 3.0), (64, 1.0), (64, 3.0))
SIZES = (1, 2, 4, 8, 32)  # 16 and 64 are in `FULL`
QUICK_SIZES = (1, 4, 64)
CURVES = ("gatewayd", "gsmmodem loop", "smstools")


def title(ports: int) -> str:
    """What the measure is called."""
    return f"Use of {ports} port{'s' * (ports != 1)}, full queue"


def case(submit_s: float) -> str:
    """The name of the case."""
    return f"submission {submit_s:g} s"


def measure(report: Report, who: type[Candidate], effort: Effort) -> None:
    """One run."""
    for ports, submit_s in FULL if effort.full and effort.takes(who) else QUICK:
        measure_one(report, who, effort, ports, submit_s)


def measure_sizes(report: Report, who: type[Candidate], effort: Effort) -> None:
    """One run with other numbers of ports, for the plot."""
    if who.name in CURVES and effort.takes(who):
        for ports in SIZES if effort.full else QUICK_SIZES:
            measure_one(report, who, effort, ports, 1.0)


def measure_one(report: Report, who: type[Candidate], effort: Effort, ports: int, submit_s: float) -> None:
    """One run of one case."""
    seconds = max(effort.seconds, CYCLES * submit_s)
    with stage(who, ports, submit_s) as (bank, candidate):
        candidate.start()
        began = candidate.cpu_s()
        count = int(ports * (seconds + WARM_S) / submit_s)
        candidate.fill(count)
        taking_ms = 1000 * (candidate.cpu_s() - began) / count
        bank.await_all_busy(WARM_S)
        start, before, bank_before = time.monotonic(), candidate.cpu_s(), bank.cpu_s()
        time.sleep(seconds)
        end, after, bank_after = time.monotonic(), candidate.cpu_s(), bank.cpu_s()
        sent = bank.count(start, end)
        sending_ms = 1000 * (after - before) / sent if sent else None
        share = bank.share(start, end)
        report.add(
            title(ports),
            case(submit_s),
            who.name,
            share=share,
            messages_s=share * ports / submit_s,
            cpu_ms_to_take=taking_ms,
            cpu_ms_to_send=sending_ms,
            cpu_ms_together=None if sending_ms is None else taking_ms + sending_ms,
            pss_mb=candidate.pss_mb(),
            bank_cpu_share=(bank_after - bank_before) / (end - start),
        )
