"""Write the measurements into docs/performance.md: `python -m tests.bench.document [JSON]`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import click
from tabulate import tabulate

from tests.bench.targets import targets

DOCUMENT = Path("docs/performance.md")


def between(text: str, name: str, content: str) -> str:
    """Replace the text between two markers. Raises ValueError if they are missing."""
    begin, end = f"<!-- {name}: made by tests.bench.document -->\n", f"<!-- end of {name} -->"
    start = text.index(begin) + len(begin)
    return f"{text[:start]}\n{content}\n\n{text[text.index(end, start) :]}"


def conditions(measured: Mapping[str, Any]) -> str:
    """The conditions of the measurement, as a sentence."""
    machine = measured["machine"]
    runs = "one run" if measured["runs"] == 1 else f"medians of {measured['runs']} interleaved runs"
    return (
        f"The {measured['form']} form, {runs}; {machine['cores']} cores, Python {machine['python']}, "
        f"Linux {machine['kernel']}; the simulated bank runs on the same machine."
    )


def tables(results: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A table for each measure, with a row for each case and program."""
    for title, group in groupby(sorted(results, key=_first_of(results)), key=lambda each: each["measure"]):
        rows = list(group)
        names = list(dict.fromkeys(name for row in rows for name in row["median"]))
        body = [
            [row["case"], row["program"], *(_shown(row["median"].get(name)) for name in names)]
            for row in rows
        ]
        heads = ["case", "program", *(name.replace("_", " ") for name in names)]
        table = tabulate(body, headers=heads, tablefmt="github", disable_numparse=True)
        yield f"### {title}\n\n{table}"


def _first_of(results: Sequence[Mapping[str, Any]]) -> Any:
    """A key that sorts the results by the order of the measures."""
    measures = list(dict.fromkeys(each["measure"] for each in results))
    return lambda each: measures.index(each["measure"])


def target_table(results: Sequence[Mapping[str, Any]]) -> str:
    """The targets as a table."""
    body = [
        [each.name, f"{'≥' if each.least else '≤'} {_shown(each.wanted)}", _shown(each.found), each.met]
        for each in targets(results)
    ]
    return tabulate(
        body, headers=["target", "wanted", "found", "met"], tablefmt="github", disable_numparse=True
    )


def _shown(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


@click.command()
@click.argument("measured", default="build/bench/latest.json", type=click.Path(path_type=Path))
def main(measured: Path) -> None:
    """Replace the tables in the document."""
    found = json.loads(measured.read_text(encoding="utf-8"))
    text = DOCUMENT.read_text(encoding="utf-8")
    notes = "\n".join(f"- {program}: {note}." for program, note in found["notes"].items())
    text = between(text, "targets", f"{conditions(found)}\n\n{target_table(found['results'])}")
    text = between(text, "tables", "\n\n".join([*tables(found["results"]), notes]))
    DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
