"""A million messages that wait, against ten: the start, the memory, and how soon the next message is on its way."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from tabulate import tabulate

from tests.bench import proc
from tests.bench.million import fill
from tests.conftest import eventually
from tests.gatewayd.box import Box

SENDS = 40
START_S = 5.0
SHORT_QUEUE, LONG_QUEUE = 10, 1_000_000
HEADERS = (
    *("waiting", "s to health", "s to first CMGS", "MB at start", "MB at end", "ms send to CMGS", "(worst)"),
    *("ms to answer", "ms for status", "messages/s, all SIMs"),
)


def median_ms(times: list[float]) -> str:
    """In the middle of them, for a table."""
    return f"{1000 * statistics.median(times):.0f}"


class Crowd:
    """A box whose SIM 1 is idle while `waiting` messages wait for others that are away."""

    def __init__(self, path: Path, waiting: int) -> None:
        path.mkdir()
        self.waiting = waiting
        self.box = Box(path, slots={1: 1, 2: 1, 3: 1, 4: 1}, dispatch="max_pending = 2000000")
        self.box.config.write_text(
            self.box.config.read_text().replace("bulk_max = 1000\n", "bulk_max = 1000\nsend_wait_s = 0\n")
        )

    def run(self) -> list[Any]:
        """Do it all; a row of the table."""
        box = self.box
        box.start_bank("--submit-s", "0.02", "--delivery-s", "0.1")
        try:
            box.start_gateway()
            sims = {sim["port"]: sim["id"] for sim in box.sims_ready(4)}
            box.stop_gateway()
            for port in (2, 3, 4):
                box.order(do="unplug", port=port)
            fill(box.path / "gatewayd.db", self.waiting, [sims[port] for port in (2, 3, 4)], 1, pinned=True)
            # One is there for the SIM that is up: when it is on the air, everything works.
            fill(box.path / "gatewayd.db", 1, [sims[1]], 1, pinned=True)
            began = time.monotonic()
            box.start_gateway(wait=False)
            eventually(self._healthy, 60)
            health_s = time.monotonic() - began
            eventually(lambda: box.network("submitted"), 60)
            first_s = time.monotonic() - began
            assert box.gateway is not None
            pid = box.gateway.pid
            first_mb = proc.pss_kb(pid) / 1024
            times = [self._send(sims[1], number) for number in range(SENDS)]
            status = time.monotonic()
            assert box.cli("status")["messages"]["pending"] == self.waiting
            status_s = time.monotonic() - status
            rate = self._all_at_once()
            last_mb = proc.pss_kb(pid) / 1024
        finally:
            box.stop()
        assert health_s < START_S
        assert first_s < START_S
        answers, outs = [one for one, _ in times], [one for _, one in times]
        return [
            *(f"{self.waiting:,}", f"{health_s:.2f}", f"{first_s:.2f}", f"{first_mb:.1f}", f"{last_mb:.1f}"),
            *(
                median_ms(outs),
                f"{1000 * max(outs):.0f}",
                median_ms(answers),
                f"{1000 * status_s:.0f}",
                f"{rate:.1f}",
            ),
        ]

    def _healthy(self) -> bool:
        return self.box.answers() and requests.get(f"{self.box.api}/health", timeout=10).status_code == 200

    def _send(self, sim_id: int, number: int) -> tuple[float, float]:
        """Seconds to the answer, and until the network has it."""
        before = len(self.box.network("submitted"))
        began = time.monotonic()
        self.box.send(f"Message {number}", sim_number_id=sim_id)
        answered = time.monotonic()
        eventually(lambda: len(self.box.network("submitted")) > before)
        return answered - began, time.monotonic() - began

    def _all_at_once(self) -> float:
        """All SIMs at their own queues: messages a second."""
        for port in (2, 3, 4):
            self.box.order(do="replug", port=port)
        seconds = 10.0
        self.box.sims_ready(4)
        before, began = len(self.box.network("submitted")), time.monotonic()
        while time.monotonic() < began + seconds:
            time.sleep(0.1)
        return (len(self.box.network("submitted")) - before) / (time.monotonic() - began)


@pytest.mark.bench
def test_a_million_wait(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [Crowd(tmp_path / str(waiting), waiting).run() for waiting in (SHORT_QUEUE, LONG_QUEUE)]
    with capsys.disabled():
        print(f"\n{tabulate(rows, headers=HEADERS, disable_numparse=True)}")  # noqa: T201 - the figures are what it is for
