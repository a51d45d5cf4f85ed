"""Latency: from a request to AT+CMGS on the wire, idle, and with many messages waiting for other SIMs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from statistics import median

from tests.bench.bank import Bank
from tests.bench.candidate import Candidate
from tests.bench.gateway import Gatewayd
from tests.bench.report import Report
from tests.bench.stage import Effort, Maker, p99, stage
from tests.conftest import eventually

SUBMIT_S = 0.05
DENIED = 3
PAUSE_S = 0.1  # beyond that: the modem is idle again, whoever polls is at any place in his round
SLOW_SAMPLES = 8
SLOW_S = 5.0


def measure(report: Report, makers: Mapping[str, Maker], effort: Effort) -> None:
    """One run of all."""
    for who, make in makers.items():
        with stage(make, 1, SUBMIT_S) as (bank, candidate):
            candidate.start()
            candidate.send(0)
            bank.asked_after(0.0)
            _add(report, "idle", who, _latencies(bank, candidate, effort.samples))
    backlogs = (10_000, 1_000_000) if effort.full else (10_000,)
    for waiting in backlogs if Gatewayd.name in makers else ():
        with stage(Gatewayd, 2, SUBMIT_S) as (bank, candidate):
            assert isinstance(candidate, Gatewayd)
            candidate.start()
            blocked, free = (sim["id"] for sim in sorted(candidate.sims(), key=lambda sim: sim["port"]))
            bank.order(do="registration", port=1, stat=DENIED)
            eventually(lambda: sum(sim["can_send_sms"] for sim in candidate.sims()) == 1)
            candidate.fill(waiting, sim_number_id=blocked)
            _add(
                report,
                f"{waiting} waiting",
                Gatewayd.name,
                _latencies(bank, candidate, effort.samples, sim_number_id=free),
            )


def _latencies(bank: Bank, candidate: Candidate, samples: int, **options: int) -> list[float]:
    found: list[float] = []
    for number in range(1, samples + 1):
        time.sleep(PAUSE_S + SUBMIT_S + 0.37 * (number % 7) / 7)
        start = time.monotonic()
        candidate.send(number, **options)
        found.append(bank.asked_after(start, 60) - start)
        if number >= SLOW_SAMPLES and sum(found) > SLOW_S:  # slow ones are told as surely by a few
            break
    return found


def _add(report: Report, case: str, who: str, latencies: list[float]) -> None:
    late = p99(latencies)
    report.add(
        "Asked to on the wire, 1 port",
        case,
        who,
        median_ms=1000 * median(latencies),
        p99_ms=None if late is None else 1000 * late,
        samples=len(latencies),
    )
