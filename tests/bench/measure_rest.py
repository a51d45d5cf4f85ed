"""Rest: what doing nothing costs, how soon the first message goes after a start, and after a modem was plugged in again."""

from __future__ import annotations

import time
from collections.abc import Mapping

from tests.bench.gateway import Gatewayd
from tests.bench.report import Report
from tests.bench.stage import QUICK_ONES, Effort, Maker, stage

PORTS = 64
SETTLED_S = 12.0


def measure(report: Report, makers: Mapping[str, Maker], effort: Effort) -> None:
    """One run of all."""
    for who, make in makers.items():
        if not effort.full and who not in QUICK_ONES:
            continue
        with stage(make, PORTS, 0.1) as (bank, candidate):
            start = time.monotonic()
            candidate.start()
            candidate.send(0)
            first = bank.asked_after(0.0) - start
            time.sleep(SETTLED_S)
            before, began = candidate.cpu_s(), time.monotonic()
            time.sleep(effort.seconds * 2)
            cpu = (candidate.cpu_s() - before) / (time.monotonic() - began)
            report.add(
                f"Rest, {PORTS} ports",
                "idle",
                who,
                pss_mb=candidate.pss_mb(),
                cpu_share=cpu,
                start_to_first_message_s=first,
            )
    if Gatewayd.name in makers:
        _plugged_in_again(report)


def _plugged_in_again(report: Report) -> None:
    with stage(Gatewayd, 1, 0.1) as (bank, candidate):
        candidate.start()
        candidate.send(0)
        bank.asked_after(0.0)
        time.sleep(1)
        bank.order(do="unplug", port=1)
        time.sleep(3)
        candidate.send(1)
        back = time.monotonic()
        bank.order(do="replug", port=1)
        found = bank.asked_after(back) - back
        report.add("Back at work", "modem plugged in again", candidate.name, seconds=found)
