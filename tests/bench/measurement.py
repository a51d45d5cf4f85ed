"""Shared by all measurements: their effort, a program on a bank, and statistics."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from tests.bench.bank import Bank
from tests.bench.program import Program

Maker = Callable[[Path, Sequence[Path]], Program]

ALWAYS_MEASURED = ("gatewayd", "gsmmodem loop")
"""The programs that take part in every long measurement."""


@dataclass(frozen=True, slots=True)
class Effort:
    """The length of the measurements. `full`: with those that take minutes. `first`: the first of several runs."""

    seconds: float
    samples: int
    full: bool
    first: bool = True

    def includes(self, kind: type[Program]) -> bool:
        """Whether a program takes part in the long measurements."""
        return (self.full and self.first) or kind.name in ALWAYS_MEASURED


@contextmanager
def own_folder() -> Iterator[Path]:
    """A new folder. It is deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def program_on_bank(
    make: Maker, ports: int, submit_s: float, baud: int = 0, at: Path | None = None
) -> Iterator[tuple[Bank, Program]]:
    """A running bank, and a program that is not started yet. Its files are in a new folder or in `at`. Both are stopped at the end."""
    with own_folder() as folder:
        bank = Bank(folder, ports, submit_s, baud)
        try:
            program = make(at or folder, bank.devices)
            try:
                yield bank, program
            finally:
                program.stop()
        finally:
            bank.stop()


def p99(values: Sequence[float]) -> float | None:
    """The 99th percentile; None with fewer than 20 values."""
    return quantiles(values, n=100, method="inclusive")[98] if len(values) >= 20 else None


def in_ms(seconds: float | None) -> float | None:
    """Seconds as milliseconds; None stays None."""
    return None if seconds is None else 1000 * seconds
