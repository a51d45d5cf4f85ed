"""A loop over GsmModem of python-gsmmodem-new: the cost of sending without storing anything."""

from __future__ import annotations

import os
from pathlib import Path

from tests.bench.program import Program, recipient

PYTHON = Path(os.environ.get("BENCH_VENV", "build/bench-venv")).absolute() / "bin" / "python"


class Loop(Program):
    """One process, a thread for each modem."""

    name = "gsmmodem loop"
    interface = "a queue in memory"
    missing = "" if PYTHON.exists() else f"{PYTHON} is missing: make bench creates it"

    def start(self) -> None:
        """Start the process, and wait until every modem is connected."""
        child = self.spawn(PYTHON, Path(__file__).with_name("gsmmodem_loop.py"), *self.devices)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n", (self.folder / "output.log").read_text()

    def fill(self, count: int) -> None:
        """Hand in messages by standard input."""
        for number in range(count):
            self._write(number)
        self._flush()

    def send(self, number: int) -> None:
        """Hand in a message by standard input."""
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
