"""All of them side by side: `python -m tests.bench [--quick] [--only MEASURE] [--who NAME]`. See `make bench`."""

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
    measure_gap,
    measure_latency,
    measure_rest,
    measure_storage,
    measure_taking,
    measure_use,
    measure_wear,
)
from tests.bench.candidate import Candidate
from tests.bench.gateway import Gatewayd
from tests.bench.peers.bare_loop import Loop
from tests.bench.peers.gammu import Gammu
from tests.bench.peers.kannel import Kannel
from tests.bench.peers.smstools import Smstools
from tests.bench.report import Report
from tests.bench.stage import Effort

CANDIDATES: tuple[type[Candidate], ...] = (Loop, Gatewayd, Smstools, Gammu, Kannel)
MEASURES: Mapping[str, Callable[[Report, type[Candidate], Effort], None]] = {
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
)  # what hardly differs from run to run, and takes long
FAULTS = (AssertionError, OSError, subprocess.SubprocessError, pytest.fail.Exception)


@click.command()
@click.option(
    "--quick", is_flag=True, help="Short, and the peers at a few things only; once, but for --runs."
)
@click.option("--runs", type=click.IntRange(1), help="How often; medians are told.")
@click.option("--only", multiple=True, type=click.Choice(list(MEASURES)), help="These measures alone.")
@click.option("--who", multiple=True, type=click.Choice([each.name for each in CANDIDATES]))
@click.option(
    "--folder", default=Path("build/bench"), type=click.Path(path_type=Path), help="For the results."
)
def main(quick: bool, runs: int | None, only: tuple[str, ...], who: tuple[str, ...], folder: Path) -> None:
    """Measure gatewayd and its peers against one simulated bank, runs interleaved; print a table of medians."""
    # However it is ended, what it has started is ended, too.
    for each_signal in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each_signal, lambda number, _: sys.exit(128 + number))
    began = time.monotonic()
    effort = QUICK if quick else WHOLE
    report = Report("quick" if quick else "whole", runs or (1 if quick else RUNS))
    wanted = [each for each in CANDIDATES if not who or each.name in who]
    for each in wanted:
        if each.missing:
            report.note(each.name, f"not measured: {each.missing}")
    there = [each for each in wanted if not each.missing]
    steps = [
        (run, name, each)
        for run in range(report.runs)
        for name in only or [name for name in MEASURES if not run or name not in ONCE]
        for each in there
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


def _named(step: tuple[int, str, type[Candidate]] | None) -> str:
    return f"{step[1]} of {step[2].name}" if step else ""


if __name__ == "__main__":
    main()
