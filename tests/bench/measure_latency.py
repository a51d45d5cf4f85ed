"""Latency: from a request to AT+CMGS on the wire, idle, and with many messages waiting for other SIMs."""

from __future__ import annotations

import time
from statistics import median

from tests.bench.bank import Bank
from tests.bench.candidate import Candidate
from tests.bench.gateway import Gatewayd
from tests.bench.million import fill
from tests.bench.report import Report
from tests.bench.stage import Effort, in_ms, p99, stage

TITLE = "Asked to on the wire"
SUBMIT_S = 0.05
DENIED = 3
PAUSE_S = 0.1  # beyond that: the modem is idle again, whoever polls is at any place in his round
SLOW_SAMPLES = 5
SLOW_S = 4.0
BACKLOGS = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
QUICK_BACKLOGS = (1_000, 1_000_000)


def case(waiting: int) -> str:
    """The name of the case."""
    return f"{waiting} waiting"


def measure(report: Report, who: type[Candidate], effort: Effort) -> None:
    """One run on an idle one."""
    if not (effort.full or effort.takes(who)):
        return
    with stage(who, 1, SUBMIT_S) as (bank, candidate):
        candidate.start()
        candidate.send(0)
        bank.asked_after(0.0)
        _add(report, "idle", who.name, _latencies(bank, candidate, effort.samples))


def measure_backlogs(report: Report, who: type[Candidate], effort: Effort) -> None:
    """One run of gatewayd with more and more messages for a SIM that the network does not let in."""
    if who is not Gatewayd:
        return
    with stage(Gatewayd, 2, SUBMIT_S) as (bank, candidate):
        assert isinstance(candidate, Gatewayd)
        candidate.start()
        blocked, free = (sim["id"] for sim in sorted(candidate.sims(), key=lambda sim: sim["port"]))
        bank.order(do="registration", port=1, stat=DENIED)
        there = 0
        for waiting in BACKLOGS if effort.full else QUICK_BACKLOGS:
            candidate.end_children()
            fill(candidate.folder / "gatewayd.db", waiting - there, [blocked], 1, pinned=True)
            there = waiting
            candidate.run()
            candidate.await_sims(1)
            candidate.send(0, sim_number_id=free)
            bank.asked_after(time.monotonic() - 1)
            found = _latencies(bank, candidate, effort.samples, sim_number_id=free)
            _add(report, case(waiting), who.name, found)


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
    report.add(
        TITLE,
        case,
        who,
        median_ms=in_ms(median(latencies)),
        p99_ms=in_ms(p99(latencies)),
        samples=len(latencies),
    )
