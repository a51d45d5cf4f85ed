"""Storage: what sending from the modems' memories costs, beside sending directly."""

from __future__ import annotations

from tests.bench import measure_gap, measure_use
from tests.bench.candidate import Candidate
from tests.bench.gateway import Gatewayd, Stored
from tests.bench.report import Report
from tests.bench.stage import Effort


def measure(report: Report, who: type[Candidate], effort: Effort) -> None:
    """One run, under the titles of the others, so that it stands beside them."""
    if who is Gatewayd:
        measure_gap.measure_one(report, Stored, effort, 0, measure_gap.BAUDS[0])
        measure_use.measure_one(report, Stored, effort, 16, 1.0)
