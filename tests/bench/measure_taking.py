"""Taking: messages a second that are answered as kept, by gatewayd, by an empty view as yardstick, and by each peer."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.bench.candidate import Candidate
from tests.bench.gateway import ROOT, Gatewayd
from tests.bench.report import Report
from tests.bench.slow_disk import slow_disk
from tests.bench.stage import Effort, Maker, stage
from tests.conftest import eventually
from tests.gatewayd.box import free_port

NEVER_S = 3600.0  # submissions that do not end: taking alone is measured
CLIENTS = (1, 16, 64)
BULKS = (100, 1000)
YARDSTICK = "empty view, one row"
OF_A_PEER = 500


class Yardstick(Candidate):
    """See `tests.bench.yardstick`."""

    def start(self) -> None:
        """Start it; ready when it answers."""
        self.port = free_port()
        self.spawn(
            *("env", f"PYTHONPATH={ROOT}", *(f"{name}={value}" for name, value in self.shim.items())),
            *(sys.executable, "-m", "tests.bench.yardstick", self.folder, str(self.port)),
        )
        eventually(self._takes, 30)

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
    of = ["127.0.0.1", port, path, key, count, seconds, messages]
    return [sys.executable, "-m", "tests.bench.clients", *map(str, of)]


def rate(port: int, key: str, count: int, seconds: float, messages: int) -> float:
    """What so many clients get kept a second."""
    command = clients(port, key, count, seconds, messages)
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def measure(report: Report, makers: Mapping[str, Maker], effort: Effort) -> None:
    """One run of all."""
    for sync_ms in (0, 10, 30) if Gatewayd.name in makers else ():
        _ours(report, effort, sync_ms)
    for who, make in makers.items():
        if who in (Gatewayd.name, "gsmmodem loop"):
            continue
        with stage(make, 1, NEVER_S) as (_, candidate):
            candidate.start()
            start = time.monotonic()
            candidate.fill(OF_A_PEER)
            report.add(
                "Taken a second", "its own way in", who, messages_s=OF_A_PEER / (time.monotonic() - start)
            )
            report.note(who, candidate.way_in)


def _ours(report: Report, effort: Effort, sync_ms: int) -> None:
    title, case = "Taken a second, synced", f"a sync takes {sync_ms} ms more" if sync_ms else "this disk"
    seconds = effort.seconds / 2

    def make(folder: Path, devices: object) -> Candidate:
        del devices
        yardstick = Yardstick(folder, [])
        yardstick.shim = slow_disk(folder, sync_ms)
        return yardstick

    with stage(make, 1, NEVER_S) as (_, candidate):
        assert isinstance(candidate, Yardstick)
        candidate.start()
        values = {f"send_{n}_clients": rate(candidate.port, "x", n, seconds, 1) for n in CLIENTS}
        report.add(title, case, YARDSTICK, **values)
    with stage(lambda folder, devices: Gatewayd(folder, devices, slow_disk(folder, sync_ms)), 1, NEVER_S) as (
        _,
        gateway,
    ):
        assert isinstance(gateway, Gatewayd)
        gateway.start()
        key = str(gateway.session.headers["X-API-Key"])
        values = {f"send_{n}_clients": rate(gateway.port, key, n, seconds, 1) for n in CLIENTS}
        values |= {f"bulk_of_{n}": rate(gateway.port, key, 1, seconds, n) for n in BULKS}
        report.add(title, case, gateway.name, **values)
