"""Measure gatewayd and its peers: `python -m tests.bench [--quick] [--only MEASURE] [--program NAME]`. See `make bench`."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import click
import pytest

from tests.bench import (
    measure_commits,
    measure_fleet,
    measure_gap,
    measure_latency,
    measure_rest,
    measure_storage,
    measure_taking,
    measure_use,
    measure_wear,
)
from tests.bench.gateway import Gatewayd
from tests.bench.measurement import Effort
from tests.bench.peers.bare_loop import Loop
from tests.bench.peers.gammu import Gammu
from tests.bench.peers.kannel import Kannel
from tests.bench.peers.smstools import Smstools
from tests.bench.program import Program
from tests.bench.report import Report

PROGRAMS: tuple[type[Program], ...] = (Loop, Gatewayd, Smstools, Gammu, Kannel)
MEASURES: Mapping[str, Callable[[Report, type[Program], Effort], None]] = {
    "gap": measure_gap.measure,
    "use": measure_use.measure,
    "ports": measure_use.measure_sizes,
    "latency": measure_latency.measure,
    "backlog": measure_latency.measure_backlogs,
    "storage": measure_storage.measure,
    "taking": measure_taking.measure,
    "wear": measure_wear.measure,
    "commits": measure_commits.measure,
    "rest": measure_rest.measure,
    "fleet": measure_fleet.measure,
}
QUICK = Effort(seconds=3, samples=20, full=False)
WHOLE = Effort(seconds=6, samples=40, full=True)
RUNS = 3
ONCE = (
    "ports",
    "backlog",
    "storage",
    "commits",
    "rest",
    "fleet",
)  # these take long and hardly differ from run to run
FAULTS = (AssertionError, OSError, subprocess.SubprocessError, pytest.fail.Exception)


@click.command()
@click.option(
    "--quick",
    is_flag=True,
    help="Short measurements, few of them for the peers; one run, unless --runs is given.",
)
@click.option("--runs", type=click.IntRange(1), help="The number of runs; the table has their medians.")
@click.option("--only", multiple=True, type=click.Choice(list(MEASURES)), help="Only these measures.")
@click.option("--program", "programs", multiple=True, type=click.Choice([each.name for each in PROGRAMS]))
@click.option(
    "--folder",
    default=Path("build/bench"),
    type=click.Path(path_type=Path),
    help="The folder for the results.",
)
def main(
    quick: bool, runs: int | None, only: tuple[str, ...], programs: tuple[str, ...], folder: Path
) -> None:
    """Measure gatewayd and its peers against one simulated bank, runs interleaved; print a table of medians."""
    # Exit on these signals too, so that all started processes are ended.
    for each_signal in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each_signal, lambda number, _: sys.exit(128 + number))
    began = time.monotonic()
    effort = QUICK if quick else WHOLE
    report = Report("quick" if quick else "whole", runs or (1 if quick else RUNS))
    wanted = [each for each in PROGRAMS if not programs or each.name in programs]
    for each in wanted:
        if each.missing:
            report.note(each.name, f"not measured: {each.missing}")
    present = [each for each in wanted if not each.missing]
    steps = [
        (run, name, each)
        for run in range(report.runs)
        for name in only or [name for name in MEASURES if not run or name not in ONCE]
        for each in present
    ]
    with click.progressbar(steps, label="Measuring", item_show_func=_named, show_pos=True) as shown:
        for run, name, each in shown:
            if not sys.stdout.isatty():
                click.echo(f"{time.monotonic() - began:4.0f} s: {name} of {each.name}")
            try:
                MEASURES[name](report, each, replace(effort, first=not run))
            except FAULTS as error:
                report.note(each.name, f"failed at {name}: {error}")
            report.write(folder)
    click.echo(f"\n{report.table()}\n\nThe same as JSON, with every run: {folder}/latest.json")


def _named(step: tuple[int, str, type[Program]] | None) -> str:
    return f"{step[1]} of {step[2].name}" if step else ""


if __name__ == "__main__":
    main()
