"""Use: the share of what modems could do that a full queue makes of them, what a message costs, and memory."""

from __future__ import annotations

import time
from collections.abc import Mapping

from tests.bench.report import Report
from tests.bench.stage import Effort, Maker, stage

WARM_S = 20.0
QUICK = ((16, 1.0),)
FULL = ((16, 1.0), (16, 3.0), (64, 1.0), (64, 3.0))


def measure(report: Report, makers: Mapping[str, Maker], effort: Effort) -> None:
    """One run of all."""
    for ports, submit_s in FULL if effort.full else QUICK:
        for who, make in makers.items():
            with stage(make, ports, submit_s) as (bank, candidate):
                candidate.start()
                began = candidate.cpu_s()
                count = int(ports * (effort.seconds + WARM_S) / submit_s)
                candidate.fill(count)
                taking_ms = 1000 * (candidate.cpu_s() - began) / count
                bank.await_all_busy(WARM_S)
                start, before, bank_before = time.monotonic(), candidate.cpu_s(), bank.cpu_s()
                time.sleep(effort.seconds)
                end, after, bank_after = time.monotonic(), candidate.cpu_s(), bank.cpu_s()
                sent = bank.count(start, end)
                report.add(
                    f"Use of {ports} ports, full queue",
                    f"submission {submit_s:g} s",
                    who,
                    share=bank.share(start, end),
                    cpu_ms_a_message=1000 * (after - before) / sent if sent else None,
                    and_to_take_it=taking_ms,
                    pss_mb=candidate.pss_mb(),
                    bank_cpu_share=(bank_after - bank_before) / (end - start),
                )
