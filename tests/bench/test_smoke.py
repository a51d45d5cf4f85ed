"""The benchmark measures gatewayd for a moment, and makes its tables, targets and plots."""

from __future__ import annotations

import json
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from tests.bench import document, plots
from tests.bench.bank import whole_share
from tests.bench.gateway import Gatewayd, Stored
from tests.bench.measurement import program_on_bank
from tests.bench.report import Report
from tests.bench.targets import targets

COUNT = 20


@pytest.mark.parametrize("kind", [Gatewayd, Stored])
def test_gaps_and_submissions_are_counted(kind: type[Gatewayd]) -> None:
    with program_on_bank(kind, 1, 0.0) as (bank, program):
        start = time.monotonic()
        program.start()
        program.fill(COUNT)
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


@pytest.mark.parametrize(
    ("answered", "share"),
    [
        ([0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5], 1.0),  # never idle: the beginning of the window does not matter
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 1.0),
        ([0.5, 2.5, 4.5, 6.5], 0.5),
        ([1.5, 2.5, 3.5], 2 / 6.5),  # idle from 3.5 to the end of the measurement at 8
        ([1.5], 0.0),
        ([], 0.0),
    ],
)
def test_the_share_counts_whole_submissions(answered: list[float], share: float) -> None:
    assert whole_share(answered, 1.0, 1.0, 5.0, 8.0) == pytest.approx(share)


def measured() -> Report:
    """Results of two programs, for two plots."""
    report = Report("quick")
    for ports, rate in ((1, 0.99), (16, 15.9), (64, 63.0)):
        title = f"Use of {ports} port{'s' * (ports != 1)}, full queue"
        for program in ("gatewayd", "gsmmodem loop"):
            report.add(title, "submission 1 s", program, share=rate / ports, messages_s=rate)
    for waiting in (10, 1_000_000):
        report.add("From request to AT+CMGS", f"{waiting} waiting", "gatewayd", median_ms=3.0, p99_ms=9.0)
    return report


def test_targets_are_compared_with_the_results() -> None:
    met = {each.name: each for each in targets(json.loads(measured().as_json())["results"])}
    assert met["share of 16 ports, 1 s"].met == "yes"
    assert met["share of 64 ports, 1 s: the loop's − 0.005"].wanted == pytest.approx(63 / 64 - 0.005)
    assert met["modem idle between messages, median, ms"].met == "not measured"


def test_the_tables_are_replaced_and_the_plots_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured().write(tmp_path)
    kept = (document.DOCUMENT).read_text()
    monkeypatch.setattr(document, "DOCUMENT", tmp_path / "performance.md")
    document.DOCUMENT.write_text(kept)
    for command, more in ((document.main, []), (plots.main, [str(tmp_path)])):
        done = CliRunner().invoke(command, [str(tmp_path / "latest.json"), *more], catch_exceptions=False)
        assert done.exit_code == 0
    assert "| share of 16 ports, 1 s " in document.DOCUMENT.read_text()
    for name in ("ports.svg", "backlog.svg"):
        drawn = ElementTree.parse(tmp_path / name)  # noqa: S314 - a file of this test
        assert len(drawn.findall(".//{*}polyline")) == 2
