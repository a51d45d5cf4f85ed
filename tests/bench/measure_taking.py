"""Taking: messages a second that are answered as kept, by gatewayd, by an empty view as empty_view, and by each peer."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.gateway import ROOT, Gatewayd
from tests.bench.measurement import Effort, program_on_bank
from tests.bench.program import Program
from tests.bench.report import Report
from tests.bench.slow_disk import slow_disk
from tests.conftest import eventually, free_port

NEVER_S = 3600.0  # submissions do not end, so that accepting alone is measured
CLIENTS = (1, 16, 64)
BULKS = (100, 1000)
EMPTY_VIEW = "empty view, one row"
MESSAGES_OF_A_PEER = 500
SYNCS_MS = (0, 10, 30)
QUICK_SYNCS_MS = (0, 30)
SHARE = 1 / 3  # of the time of a measure, for each number of clients
TITLE = "Accepted a second, synced"


def case(sync_ms: int) -> str:
    """The name of the case."""
    return f"a sync takes {sync_ms} ms more" if sync_ms else "this disk"


class EmptyView(Program):
    """The empty view (see `tests.bench.empty_view`)."""

    def start(self) -> None:
        """Start the process, and wait until it answers."""
        self.port = free_port()
        self.spawn(
            *("env", f"PYTHONPATH={ROOT}", *(f"{name}={value}" for name, value in self.shim.items())),
            *(sys.executable, "-m", "tests.bench.empty_view", self.folder, str(self.port)),
        )
        eventually(self._takes)

    def _takes(self) -> bool:
        return (
            subprocess.run(
                clients(self.port, "x", 1, 0.01, 1), capture_output=True, check=False, cwd=ROOT
            ).returncode
            == 0
        )

    shim: Mapping[str, str] = {}


def clients(port: int, key: str, count: int, seconds: float, messages: int) -> list[str]:
    """The command that runs clients."""
    path = "/api/sms/send" if messages == 1 else "/api/sms/send-bulk"
    arguments = ["127.0.0.1", port, path, key, count, seconds, messages]
    return [sys.executable, "-m", "tests.bench.clients", *map(str, arguments)]


def rate(port: int, key: str, count: int, seconds: float, messages: int) -> float:
    """The messages a second that `count` clients get accepted."""
    command = clients(port, key, count, seconds, messages)
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def measure(report: Report, kind: type[Program], effort: Effort) -> None:
    """One run. gatewayd is measured together with the empty view."""
    if kind is Gatewayd:
        for sync_ms in SYNCS_MS if effort.full else QUICK_SYNCS_MS:
            _measure_gatewayd(report, effort, sync_ms)
    elif effort.full and kind.name != "gsmmodem loop":
        with program_on_bank(kind, 1, NEVER_S) as (_, program):
            program.start()
            start = time.monotonic()
            program.fill(MESSAGES_OF_A_PEER)
            accepted = MESSAGES_OF_A_PEER / (time.monotonic() - start)
            report.add("Accepted a second, one client", "its own interface", kind.name, messages_s=accepted)
            report.note(kind.name, f"accepts messages by {kind.interface}")


def _measure_gatewayd(report: Report, effort: Effort, sync_ms: int) -> None:
    seconds = effort.seconds * SHARE

    def empty_view_on(folder: Path, _: object) -> EmptyView:
        empty_view = EmptyView(folder, [])
        empty_view.shim = slow_disk(folder, sync_ms)
        return empty_view

    def gateway_on(folder: Path, devices: Sequence[Path]) -> Gatewayd:
        return Gatewayd(folder, devices, slow_disk(folder, sync_ms))

    with program_on_bank(empty_view_on, 1, NEVER_S) as (_, empty_view):
        assert isinstance(empty_view, EmptyView)
        empty_view.start()
        values = {f"send_{n}_clients": rate(empty_view.port, "x", n, seconds, 1) for n in CLIENTS}
        report.add(TITLE, case(sync_ms), EMPTY_VIEW, **values)
    with program_on_bank(gateway_on, 1, NEVER_S) as (_, gateway):
        assert isinstance(gateway, Gatewayd)
        gateway.start()
        key = str(gateway.session.headers["X-API-Key"])
        values = {f"send_{n}_clients": rate(gateway.port, key, n, seconds, 1) for n in CLIENTS}
        values |= {f"bulk_of_{n}": rate(gateway.port, key, 1, seconds, n) for n in BULKS}
        report.add(TITLE, case(sync_ms), gateway.name, **values)
