"""Plots from the benchmark's JSON, as SVG: `python -m tests.bench.plots [JSON] [FOLDER]`.

Without a library: two line plots need less code than a library has.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import click

from tests.bench import measure_latency, measure_use

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 170, 40, 50
COLOURS = ("#1b6ca8", "#d1495b", "#2e8b57", "#8a6d3b", "#6a4c93")
Points = Sequence[tuple[float, float]]


def drawn(title: str, across: str, up: str, lines: Mapping[str, Points]) -> str:
    """Draw lines over two logarithmic axes. All values must be above 0."""
    xs = [x for points in lines.values() for x, _ in points]
    ys = [y for points in lines.values() for _, y in points]
    x_ticks = sorted(set(xs))
    y_ticks = _decades(min(ys), max(ys))

    def at_x(value: float) -> float:
        return LEFT + _place(value, x_ticks[0], x_ticks[-1]) * (WIDTH - LEFT - RIGHT)

    def at_y(value: float) -> float:
        return HEIGHT - BOTTOM - _place(value, y_ticks[0], y_ticks[-1]) * (HEIGHT - TOP - BOTTOM)

    elements = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, 24, title, "start", 'font-size="15"'),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, across, "middle"),
        f'<g transform="rotate(-90 18 {HEIGHT / 2})">{_text(18, HEIGHT / 2, up, "middle")}</g>',
    ]
    for value in x_ticks:
        elements.append(_line(at_x(value), TOP, at_x(value), HEIGHT - BOTTOM))
        elements.append(_text(at_x(value), HEIGHT - BOTTOM + 18, f"{value:,g}", "middle"))
    for value in y_ticks:
        elements.append(_line(LEFT, at_y(value), WIDTH - RIGHT, at_y(value)))
        elements.append(_text(LEFT - 8, at_y(value) + 4, f"{value:g}", "end"))
    for row, (name, points) in enumerate(lines.items()):
        colour = COLOURS[row % len(COLOURS)]
        path = " ".join(f"{at_x(x):.1f},{at_y(y):.1f}" for x, y in points)
        elements.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        elements += [
            f'<circle cx="{at_x(x):.1f}" cy="{at_y(y):.1f}" r="3" fill="{colour}"/>' for x, y in points
        ]
        elements.append(_text(WIDTH - RIGHT + 12, TOP + 16 + 20 * row, name, "start", f'fill="{colour}"'))
    return "\n".join([*elements, "</svg>\n"])


def _place(value: float, least: float, most: float) -> float:
    return math.log(value / least) / math.log(most / least) if most > least else 0.5


def _decades(least: float, most: float) -> list[float]:
    """1, 2 and 5 times powers of ten: from the last that is at most `least` to the first that is at least `most`."""
    steps = [factor * 10.0**power for power in range(-3, 8) for factor in (1, 2, 5)]
    below = max(step for step in steps if step <= least)
    above = min(step for step in steps if step >= most)
    return [step for step in steps if below <= step <= above]


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#ddd"/>'


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{escape(text)}</text>'


def rates(results: Sequence[Mapping[str, Any]]) -> dict[str, Points]:
    """Messages a second by ports, of each program that was measured with several numbers of ports."""
    found: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for each in results:
        ports = re.match(r"Use of (\d+) port", each["measure"])
        rate = each["median"].get("messages_s")
        if ports and each["case"] == measure_use.case(1.0) and rate:
            found[each["program"]].append((int(ports[1]), rate))
    return {program: sorted(points) for program, points in found.items() if len(points) > 1}


def latencies(results: Sequence[Mapping[str, Any]]) -> dict[str, Points]:
    """Milliseconds from the request to AT+CMGS, by the number of waiting messages."""
    found: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for each in results:
        waiting = re.fullmatch(r"(\d+) waiting", each["case"])
        if waiting and each["measure"] == measure_latency.TITLE:
            for name, value in each["median"].items():
                if name.endswith("_ms") and value:
                    found[f"{each['program']}, {name.removesuffix('_ms')}"].append((int(waiting[1]), value))
    return {line: sorted(points) for line, points in found.items()}


@click.command()
@click.argument("measured", default="build/bench/latest.json", type=click.Path(path_type=Path))
@click.argument("folder", default="docs/plots", type=click.Path(path_type=Path))
def main(measured: Path, folder: Path) -> None:
    """Draw the plots. A plot without results is left as it is."""
    results = json.loads(measured.read_text(encoding="utf-8"))["results"]
    folder.mkdir(parents=True, exist_ok=True)
    if lines := rates(results):
        title = "Messages sent a second, submission 1 s"
        (folder / "ports.svg").write_text(drawn(title, "ports", "messages/s", lines), encoding="utf-8")
    if lines := latencies(results):
        title = "From request to AT+CMGS, an idle SIM"
        drawing = drawn(title, "messages waiting for other SIMs", "ms", lines)
        (folder / "backlog.svg").write_text(drawing, encoding="utf-8")


if __name__ == "__main__":
    main()
