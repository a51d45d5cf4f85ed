"""The bytes written to the block layer for each message from its acceptance to its delivery, at ten messages a second."""

from __future__ import annotations

import time

from tests.bench import proc
from tests.bench.bank import DELIVERY_S
from tests.bench.gateway import Gatewayd
from tests.bench.measurement import Effort, program_on_bank
from tests.bench.own_disk import OwnDisk, own_disk
from tests.bench.program import Program
from tests.bench.report import Report

TITLE = "Written for a message, from accepted to delivered"
PORTS = 8
SUBMIT_S = 0.5
A_SECOND = 10
LONGEST_S = 30.0


def measure(report: Report, kind: type[Program], effort: Effort) -> None:
    """One run. The bare loop stores nothing and is left out. For a program that is too slow, the messages that it sent count."""
    if kind is not Gatewayd and (not effort.full or kind.name == "gsmmodem loop"):
        return
    with (
        own_disk() as disk,
        program_on_bank(kind, PORTS, SUBMIT_S, at=disk.folder if disk else None) as (bank, program),
    ):
        if disk is None:
            report.note(kind.name, "bytes on the disk not measured: that needs root")
        program.start()
        count = int(A_SECOND * effort.seconds * 2)
        written, on_disk = _by_processes(program), _on(disk)
        start = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, start + number / A_SECOND - time.monotonic()))
            program.send(number)
        bank.await_count(count, LONGEST_S)
        sent = bank.count(start, time.monotonic())
        if isinstance(program, Gatewayd):
            program.drained(LONGEST_S)
        else:
            time.sleep(DELIVERY_S)
        by_processes = _by_processes(program) - written
        program.end_children()  # at its end a program copies its log into its database; these bytes count
        on_disk_after = _on(disk)
        report.add(
            TITLE,
            f"{A_SECOND} a second",
            kind.name,
            kib_by_its_processes=by_processes / sent / 1024 if sent else None,
            kib_on_the_disk=(on_disk_after - on_disk) / sent / 1024 if disk and sent else None,
            messages=sent,
        )


def _by_processes(program: Program) -> int:
    return sum(map(proc.written_bytes, program.pids()))


def _on(disk: OwnDisk | None) -> int:
    return disk.written_bytes() if disk else 0
