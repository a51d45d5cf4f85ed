"""Wear: bytes written to the block layer for each message from accepted to delivered, at ten messages a second."""

from __future__ import annotations

import time
from collections.abc import Mapping

from tests.bench import proc
from tests.bench.gateway import Gatewayd
from tests.bench.report import Report
from tests.bench.stage import Effort, Maker, stage

PORTS = 4
SUBMIT_S = 0.3
A_SECOND = 10


def measure(report: Report, makers: Mapping[str, Maker], effort: Effort) -> None:
    """One run of gatewayd: the others keep nothing, or files that are not synced."""
    if Gatewayd.name not in makers:
        return
    with stage(Gatewayd, PORTS, SUBMIT_S) as (_, candidate):
        assert isinstance(candidate, Gatewayd)
        candidate.start()
        count = int(A_SECOND * effort.seconds * 2)
        written, on_disk = _written(candidate)
        start = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, start + number / A_SECOND - time.monotonic()))
            candidate.send(number)
        candidate.drained(20)
        written_after, on_disk_after = _written(candidate)
        report.add(
            "Written for a message, from accepted to delivered",
            f"{A_SECOND} a second",
            candidate.name,
            kib_by_the_process=(written_after - written) / count / 1024,
            kib_on_the_disk_by_all=(on_disk_after - on_disk) / count / 1024,
        )


def _written(candidate: Gatewayd) -> tuple[int, int]:
    return sum(map(proc.written_bytes, candidate.pids())), proc.disk_written_bytes(candidate.folder)
