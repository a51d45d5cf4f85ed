"""The time from a request to AT+CMGS on the line: idle, and with many messages waiting for another SIM."""

from __future__ import annotations

import time
from statistics import median

from tests.bench.bank import Bank
from tests.bench.gateway import Gatewayd
from tests.bench.measurement import Effort, in_ms, p99, program_on_bank
from tests.bench.million import fill
from tests.bench.program import Program
from tests.bench.report import Report

TITLE = "From request to AT+CMGS"
SUBMIT_S = 0.05
DENIED = 3
PAUSE_S = 0.1  # after it the modem is idle again; more time is added, so that requests come at all points of a period of polling
SLOW_SAMPLES = 5
SLOW_S = 4.0
BACKLOGS = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
QUICK_BACKLOGS = (1_000, 1_000_000)


def case(waiting: int) -> str:
    """The name of the case."""
    return f"{waiting} waiting"


def measure(report: Report, kind: type[Program], effort: Effort) -> None:
    """One run with an idle program."""
    if not (effort.full or effort.includes(kind)):
        return
    with program_on_bank(kind, 1, SUBMIT_S) as (bank, program):
        program.start()
        program.send(0)
        bank.asked_after(0.0)
        _add(report, "idle", kind.name, _latencies(bank, program, effort.samples))


def measure_backlogs(report: Report, kind: type[Program], effort: Effort) -> None:
    """One run of gatewayd with more and more messages for a SIM whose registration is denied."""
    if kind is not Gatewayd:
        return
    with program_on_bank(Gatewayd, 2, SUBMIT_S) as (bank, program):
        assert isinstance(program, Gatewayd)
        program.start()
        blocked, free = (sim["id"] for sim in sorted(program.sims(), key=lambda sim: sim["port"]))
        bank.order(do="registration", port=1, stat=DENIED)
        stored = 0
        for waiting in BACKLOGS if effort.full else QUICK_BACKLOGS:
            program.end_children()
            fill(program.folder / "gatewayd.db", waiting - stored, [blocked], 1, pinned=True)
            stored = waiting
            program.run()
            program.await_sims(1)
            program.send(0, sim_number_id=free)
            bank.asked_after(time.monotonic() - 1)
            found = _latencies(bank, program, effort.samples, sim_number_id=free)
            _add(report, case(waiting), kind.name, found)


def _latencies(bank: Bank, program: Program, samples: int, **options: int) -> list[float]:
    found: list[float] = []
    for number in range(1, samples + 1):
        time.sleep(PAUSE_S + SUBMIT_S + 0.37 * (number % 7) / 7)
        start = time.monotonic()
        program.send(number, **options)
        found.append(bank.asked_after(start, 60) - start)
        if number >= SLOW_SAMPLES and sum(found) > SLOW_S:  # a few samples of a slow program are enough
            break
    return found


def _add(report: Report, case: str, program: str, latencies: list[float]) -> None:
    report.add(
        TITLE,
        case,
        program,
        median_ms=in_ms(median(latencies)),
        p99_ms=in_ms(p99(latencies)),
        samples=len(latencies),
    )
