"""Wear: bytes written to the block layer for each message from accepted to delivered, at ten messages a second."""

from __future__ import annotations

import time

from tests.bench import proc
from tests.bench.bank import DELIVERY_S
from tests.bench.candidate import Candidate
from tests.bench.gateway import Gatewayd
from tests.bench.own_disk import OwnDisk, own_disk
from tests.bench.report import Report
from tests.bench.stage import Effort, stage

TITLE = "Written for a message, from accepted to delivered"
PORTS = 8
SUBMIT_S = 0.5
A_SECOND = 10
PATIENCE_S = 30.0


def measure(report: Report, who: type[Candidate], effort: Effort) -> None:
    """One run. The loop keeps nothing; who cannot keep up is given less time than he would need, and counted by what he sent."""
    if who is not Gatewayd and (not effort.full or who.name == "gsmmodem loop"):
        return
    with (
        own_disk() as disk,
        stage(who, PORTS, SUBMIT_S, at=disk.folder if disk else None) as (bank, candidate),
    ):
        if disk is None:
            report.note(who.name, "not measured: what the file system writes; that needs root")
        candidate.start()
        count = int(A_SECOND * effort.seconds * 2)
        written, on_disk = _by_processes(candidate), _on(disk)
        start = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, start + number / A_SECOND - time.monotonic()))
            candidate.send(number)
        bank.await_count(count, PATIENCE_S)
        sent = bank.count(start, time.monotonic())
        if isinstance(candidate, Gatewayd):
            candidate.drained(PATIENCE_S)
        else:
            time.sleep(DELIVERY_S)
        by_processes = _by_processes(candidate) - written
        candidate.end_children()  # what lies in a log is brought to its place, and counts
        on_disk_after = _on(disk)
        report.add(
            TITLE,
            f"{A_SECOND} a second",
            who.name,
            kib_by_its_processes=by_processes / sent / 1024 if sent else None,
            kib_on_the_disk=(on_disk_after - on_disk) / sent / 1024 if disk and sent else None,
            messages=sent,
        )


def _by_processes(candidate: Candidate) -> int:
    return sum(map(proc.written_bytes, candidate.pids()))


def _on(disk: OwnDisk | None) -> int:
    return disk.written_bytes() if disk else 0
