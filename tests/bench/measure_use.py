"""With a full queue: the share of the possible submissions that were done, CPU time for a message, and memory."""

from __future__ import annotations

import time

from tests.bench.measurement import Effort, program_on_bank
from tests.bench.program import Program
from tests.bench.report import Report

WARM_S = 20.0
CYCLES = 3  # the least number of submissions in a window, because only whole ones count
QUICK = ((16, 1.0),)
FULL = ((16, 1.0), (16, 3.0), (64, 1.0), (64, 3.0))
SIZES = (1, 2, 4, 8, 32)  # 16 and 64 are in `FULL`
QUICK_SIZES = (1, 4, 64)
CURVES = ("gatewayd", "gsmmodem loop", "smstools")


def title(ports: int) -> str:
    """The title of the measure."""
    return f"Use of {ports} port{'s' * (ports != 1)}, full queue"


def case(submit_s: float) -> str:
    """The name of the case."""
    return f"submission {submit_s:g} s"


def measure(report: Report, kind: type[Program], effort: Effort) -> None:
    """One run."""
    for ports, submit_s in FULL if effort.full and effort.includes(kind) else QUICK:
        measure_one(report, kind, effort, ports, submit_s)


def measure_sizes(report: Report, kind: type[Program], effort: Effort) -> None:
    """One run with other numbers of ports, for the plot."""
    if kind.name in CURVES and effort.includes(kind):
        for ports in SIZES if effort.full else QUICK_SIZES:
            measure_one(report, kind, effort, ports, 1.0)


def measure_one(report: Report, kind: type[Program], effort: Effort, ports: int, submit_s: float) -> None:
    """One run of one case."""
    seconds = max(effort.seconds, CYCLES * submit_s)
    with program_on_bank(kind, ports, submit_s) as (bank, program):
        program.start()
        began = program.cpu_s()
        count = int(ports * (seconds + WARM_S) / submit_s)
        program.fill(count)
        accepting_ms = 1000 * (program.cpu_s() - began) / count
        bank.await_all_busy(WARM_S)
        start, before, bank_before = time.monotonic(), program.cpu_s(), bank.cpu_s()
        time.sleep(seconds)
        end, after, bank_after = time.monotonic(), program.cpu_s(), bank.cpu_s()
        sent = bank.count(start, end)
        sending_ms = 1000 * (after - before) / sent if sent else None
        share = bank.share(start, end)
        report.add(
            title(ports),
            case(submit_s),
            kind.name,
            share=share,
            messages_s=share * ports / submit_s,
            cpu_ms_to_accept=accepting_ms,
            cpu_ms_to_send=sending_ms,
            cpu_ms_together=None if sending_ms is None else accepting_ms + sending_ms,
            pss_mb=program.pss_mb(),
            bank_cpu_share=(bank_after - bank_before) / (end - start),
        )
