"""A million waiting messages compared with ten: the start, the memory, and the time until the next message is sent."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

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


def median_ms(times: list[float]) -> str:
    """The median in milliseconds, for a table."""
    return f"{1000 * statistics.median(times):.0f}"


class FullQueue:
    """A box whose SIM 1 is idle while `waiting` messages wait for SIMs in unplugged modems."""

    def __init__(self, path: Path, waiting: int) -> None:
        path.mkdir()
        self.waiting = waiting
        self.box = Box(path, slots={1: 1, 2: 1, 3: 1, 4: 1}, dispatch="max_pending = 2000000")
        self.box.config.write_text(
            self.box.config.read_text().replace("bulk_max = 1000\n", "bulk_max = 1000\nsend_wait_s = 0\n")
        )

    def run(self) -> dict[str, str]:
        """Measure. Returns a row of the table."""
        box = self.box
        box.start_bank("--submit-s", "0.02", "--delivery-s", "0.1")
        try:
            box.start_gateway()
            sims = {sim["port"]: sim["id"] for sim in box.sims_ready(4)}
            box.stop_gateway()
            for port in (2, 3, 4):
                box.order(do="unplug", port=port)
            fill(box.path / "gatewayd.db", self.waiting, [sims[port] for port in (2, 3, 4)], 1, pinned=True)
            # One message waits for SIM 1: once it is submitted, the gateway works.
            fill(box.path / "gatewayd.db", 1, [sims[1]], 1, pinned=True)
            began = time.monotonic()
            box.start_gateway(wait=False)
            eventually(self._healthy)
            health_s = time.monotonic() - began
            eventually(lambda: box.network("submitted"))
            first_s = time.monotonic() - began
            assert box.gateway is not None
            pid = box.gateway.pid
            first_mb = proc.pss_kb(pid) / 1024
            times = [self._send(sims[1], number) for number in range(SENDS)]
            status = time.monotonic()
            assert box.cli("status")["messages"]["pending"] == self.waiting
            status_s = time.monotonic() - status
            rate = self._rate_of_all()
            urgent = [self._send(sims[2], number, priority="otp")[1] for number in range(SENDS)]
            last_mb = proc.pss_kb(pid) / 1024
        finally:
            box.stop()
        assert health_s < START_S
        assert first_s < START_S
        answers, outs = [answer for answer, _ in times], [out for _, out in times]
        return {
            "waiting": f"{self.waiting:,}",
            "s to health": f"{health_s:.2f}",
            "s to first CMGS": f"{first_s:.2f}",
            "MB at start": f"{first_mb:.1f}",
            "MB at end": f"{last_mb:.1f}",
            "ms to answer": median_ms(answers),
            "ms to CMGS": median_ms(outs),
            "(worst)": f"{1000 * max(outs):.0f}",
            "ms to CMGS, urgent, SIM at work": median_ms(urgent),
            "messages/s, 4 SIMs": f"{rate:.1f}" if self.waiting > SHORT_QUEUE else "",
            "ms for status": f"{1000 * status_s:.0f}",
        }

    def _healthy(self) -> bool:
        return self.box.answers() and requests.get(f"{self.box.api}/health", timeout=10).status_code == 200

    def _send(self, sim_id: int, number: int, **options: str) -> tuple[float, float]:
        """Send a message. Returns the seconds to the answer, and to its submission."""
        text = f"Message {number} {options}"
        began = time.monotonic()
        self.box.send(text, sim_number_id=sim_id, **options)
        answered = time.monotonic()
        eventually(lambda: text in self._newest())
        return answered - began, time.monotonic() - began

    def _newest(self) -> str:
        """The end of the log of the network."""
        with self.box.log.open("rb") as log:
            log.seek(max(0, self.box.log.stat().st_size - 4096))
            return log.read().decode(errors="replace")

    def _rate_of_all(self) -> float:
        """Plug in all modems. Returns the messages a second that they submit."""
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
    rows = [FullQueue(tmp_path / str(waiting), waiting).run() for waiting in (SHORT_QUEUE, LONG_QUEUE)]
    with capsys.disabled():
        print(f"\n{tabulate(rows, headers='keys', disable_numparse=True)}")  # noqa: T201 - the figures are the purpose
