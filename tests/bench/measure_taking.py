"""Taking: messages a second that are answered as kept, by gatewayd, by an empty view as yardstick, and by each peer."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.candidate import Candidate
from tests.bench.gateway import ROOT, Gatewayd
from tests.bench.report import Report
from tests.bench.slow_disk import slow_disk
from tests.bench.stage import Effort, stage
from tests.conftest import eventually, free_port

NEVER_S = 3600.0  # submissions that do not end: taking alone is measured
CLIENTS = (1, 16, 64)
BULKS = (100, 1000)
YARDSTICK = "empty view, one row"
OF_A_PEER = 500
SYNCS_MS = (0, 10, 30)
QUICK_SYNCS_MS = (0, 30)
PORTION = 1 / 3  # of the time for a measure, for each number of clients
TITLE = "Taken a second, synced"


def case(sync_ms: int) -> str:
    """The name of the case."""
    return f"a sync takes {sync_ms} ms more" if sync_ms else "this disk"


class Yardstick(Candidate):
    """See `tests.bench.yardstick`."""

    def start(self) -> None:
        """Start it; ready when it answers."""
        self.port = free_port()
        self.spawn(
            *("env", f"PYTHONPATH={ROOT}", *(f"{name}={value}" for name, value in self.shim.items())),
            *(sys.executable, "-m", "tests.bench.yardstick", self.folder, str(self.port)),
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
    of = ["127.0.0.1", port, path, key, count, seconds, messages]
    return [sys.executable, "-m", "tests.bench.clients", *map(str, of)]


def rate(port: int, key: str, count: int, seconds: float, messages: int) -> float:
    """What so many clients get kept a second."""
    command = clients(port, key, count, seconds, messages)
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def measure(report: Report, who: type[Candidate], effort: Effort) -> None:
    """One run; of gatewayd together with the yardstick."""
    if who is Gatewayd:
        for sync_ms in SYNCS_MS if effort.full else QUICK_SYNCS_MS:
            _ours(report, effort, sync_ms)
    elif effort.full and who.name != "gsmmodem loop":
        with stage(who, 1, NEVER_S) as (_, candidate):
            candidate.start()
            start = time.monotonic()
            candidate.fill(OF_A_PEER)
            taken = OF_A_PEER / (time.monotonic() - start)
            report.add("Taken a second, one client", "its own way in", who.name, messages_s=taken)
            report.note(who.name, f"takes by {who.way_in}")


def _ours(report: Report, effort: Effort, sync_ms: int) -> None:
    seconds = effort.seconds * PORTION

    def yardstick_on(folder: Path, _: object) -> Yardstick:
        yardstick = Yardstick(folder, [])
        yardstick.shim = slow_disk(folder, sync_ms)
        return yardstick

    def gateway_on(folder: Path, devices: Sequence[Path]) -> Gatewayd:
        return Gatewayd(folder, devices, slow_disk(folder, sync_ms))

    with stage(yardstick_on, 1, NEVER_S) as (_, yardstick):
        assert isinstance(yardstick, Yardstick)
        yardstick.start()
        values = {f"send_{n}_clients": rate(yardstick.port, "x", n, seconds, 1) for n in CLIENTS}
        report.add(TITLE, case(sync_ms), YARDSTICK, **values)
    with stage(gateway_on, 1, NEVER_S) as (_, gateway):
        assert isinstance(gateway, Gatewayd)
        gateway.start()
        key = str(gateway.session.headers["X-API-Key"])
        values = {f"send_{n}_clients": rate(gateway.port, key, n, seconds, 1) for n in CLIENTS}
        values |= {f"bulk_of_{n}": rate(gateway.port, key, 1, seconds, n) for n in BULKS}
        report.add(TITLE, case(sync_ms), gateway.name, **values)
