"""A bank and a candidate on it, for one run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from tests.bench.bank import Bank
from tests.bench.candidate import Candidate

Maker = Callable[[Path, Sequence[Path]], Candidate]

QUICK_ONES = ("gatewayd", "gsmmodem loop")
"""Who is measured at what takes long, also where the others are not."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long everything is measured. `full`: also what takes minutes. `first`: of several runs."""

    seconds: float
    samples: int
    full: bool
    first: bool = True

    def takes(self, who: type[Candidate]) -> bool:
        """Whether somebody is measured at what takes long."""
        return (self.full and self.first) or who.name in QUICK_ONES


@contextmanager
def own_folder() -> Iterator[Path]:
    """A new folder, which is deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def stage(
    make: Maker, ports: int, submit_s: float, baud: int = 0, at: Path | None = None
) -> Iterator[tuple[Bank, Candidate]]:
    """A candidate, not started yet, on a bank that runs; its files in a new folder or `at`. Both are stopped at the end."""
    with own_folder() as folder:
        bank = Bank(folder, ports, submit_s, baud)
        try:
            candidate = make(at or folder, bank.devices)
            try:
                yield bank, candidate
            finally:
                candidate.stop()
        finally:
            bank.stop()


def p99(values: Sequence[float]) -> float | None:
    """The 99th percentile, None of too few values to tell."""
    return quantiles(values, n=100, method="inclusive")[98] if len(values) >= 20 else None


def in_ms(seconds: float | None) -> float | None:
    """For a table."""
    return None if seconds is None else 1000 * seconds
