"""The cost of sending from the memories of the modems, compared with sending directly."""

from __future__ import annotations

from tests.bench import measure_gap, measure_use
from tests.bench.gateway import Gatewayd, Stored
from tests.bench.measurement import Effort
from tests.bench.program import Program
from tests.bench.report import Report


def measure(report: Report, kind: type[Program], effort: Effort) -> None:
    """One run, in the tables of `gap` and `use`."""
    if kind is Gatewayd:
        measure_gap.measure_one(report, Stored, effort, 0, measure_gap.BAUDS[0])
        measure_use.measure_one(report, Stored, effort, 16, 1.0)
