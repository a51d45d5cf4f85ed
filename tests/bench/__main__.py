"""All of them side by side: `python -m tests.bench [--quick] [--only MEASURE] [--who NAME]`. See `make bench`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import click
import pytest

from tests.bench import (
    measure_gap,
    measure_latency,
    measure_rest,
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
from tests.bench.stage import Effort, Maker

CANDIDATES: tuple[type[Candidate], ...] = (Loop, Gatewayd, Smstools, Gammu, Kannel)
MEASURES: Mapping[str, Callable[[Report, Mapping[str, Maker], Effort], None]] = {
    "gap": measure_gap.measure,
    "use": measure_use.measure,
    "latency": measure_latency.measure,
    "taking": measure_taking.measure,
    "wear": measure_wear.measure,
    "rest": measure_rest.measure,
}
QUICK = Effort(seconds=5, samples=20, full=False)
WHOLE = Effort(seconds=15, samples=100, full=True)
RUNS = 3


@click.command()
@click.option("--quick", is_flag=True, help="One short run of each.")
@click.option("--only", multiple=True, type=click.Choice(list(MEASURES)), help="These measures alone.")
@click.option("--who", multiple=True, type=click.Choice([each.name for each in CANDIDATES]))
@click.option(
    "--folder", default=Path("build/bench"), type=click.Path(path_type=Path), help="For the results."
)
def main(quick: bool, only: tuple[str, ...], who: tuple[str, ...], folder: Path) -> None:
    """Measure gatewayd and its peers against one simulated bank, runs interleaved; print a table of medians."""
    wanted = [each for each in CANDIDATES if not who or each.name in who]
    report = Report()
    makers: dict[str, Maker] = {}
    for each in wanted:
        if each.missing:
            report.note(each.name, f"not measured: {each.missing}")
        else:
            makers[each.name] = each
    runs = range(1 if quick else RUNS)
    steps = [(name, each) for _ in runs for name in only or MEASURES for each in makers]
    with click.progressbar(steps, label="Measuring", item_show_func=_named, show_pos=True) as shown:
        for name, each_name in shown:
            try:
                MEASURES[name](report, {each_name: makers[each_name]}, QUICK if quick else WHOLE)
            except (AssertionError, OSError, pytest.fail.Exception) as error:
                report.note(each_name, f"failed at {name}: {error}")
            report.write(folder)
    click.echo(f"\n{report.table()}\n\nThe same as JSON, with every run: {folder}/bench.json")


def _named(step: tuple[str, str] | None) -> str:
    return " of ".join(step) if step else ""


if __name__ == "__main__":
    main()
