"""A loop over python-gsmmodem-new's GsmModem: what sending costs where nothing is kept."""

from __future__ import annotations

import os
from pathlib import Path

from tests.bench.candidate import Candidate, recipient

PYTHON = Path(os.environ.get("BENCH_VENV", "build/bench-venv")).absolute() / "bin" / "python"


class Loop(Candidate):
    """One process, a thread for each modem."""

    name = "gsmmodem loop"
    way_in = "a queue in memory"
    missing = "" if PYTHON.exists() else f"there is no {PYTHON}: make bench makes it"

    def start(self) -> None:
        """Start it; ready when every modem is connected."""
        child = self.spawn(PYTHON, Path(__file__).with_name("gsmmodem_loop.py"), *self.devices)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n", (self.folder / "output.log").read_text()

    def fill(self, count: int) -> None:
        """By its standard input."""
        for number in range(count):
            self._write(number)
        self._flush()

    def send(self, number: int) -> None:
        """Likewise."""
        self._write(number)
        self._flush()

    def _write(self, number: int) -> None:
        stdin = self._children[0].stdin
        assert stdin is not None
        stdin.write(recipient(number) + "\n")

    def _flush(self) -> None:
        stdin = self._children[0].stdin
        assert stdin is not None
        stdin.flush()
