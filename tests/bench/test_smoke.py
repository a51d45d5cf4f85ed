"""The benchmark still measures: gatewayd alone, for a moment."""

from __future__ import annotations

import json
import time

from tests.bench.gateway import Gatewayd
from tests.bench.report import Report
from tests.bench.stage import stage

COUNT = 20


def test_gaps_and_what_was_sent_are_seen() -> None:
    with stage(Gatewayd, 1, 0.0) as (bank, candidate):
        start = time.monotonic()
        candidate.start()
        candidate.fill(COUNT)
        assert bank.await_count(COUNT, 15)
        end = time.monotonic()
        assert bank.count(start, end) == COUNT
        gaps = bank.gaps(start, end)
    assert len(gaps) == COUNT - 1
    assert min(gaps) > 0
    assert sum(gaps) < end - start


def test_the_table_and_the_json_hold_medians() -> None:
    report = Report()
    for value in (1.0, 5.0, 2.0):
        report.add("Gap", "no line", "gatewayd", median_ms=value, p99_ms=None)
    report.note("kannel", "not measured: it is not installed")
    assert ["gatewayd", "2", "-"] in [line.split() for line in report.table().splitlines()]
    assert "kannel: not measured" in report.table()
    (result,) = json.loads(report.as_json())["results"]
    assert result["median"] == {"median_ms": 2.0, "p99_ms": None}
    assert result["runs"]["median_ms"] == [1.0, 5.0, 2.0]
