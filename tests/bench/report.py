"""What was measured: gathered over several runs, and shown as a table of medians and as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections import defaultdict
from pathlib import Path
from statistics import median

from tabulate import tabulate


class Report:
    """Values by measure, case, who was measured, and what the value is."""

    def __init__(self, form: str = "whole", runs: int = 1) -> None:
        self.form = form
        self.runs = runs
        self._values: defaultdict[tuple[str, str], dict[str, dict[str, list[float]]]] = defaultdict(dict)
        self._notes: dict[str, str] = {}

    def add(self, measure: str, case: str, who: str, **values: float | None) -> None:
        """One run's values. None where there was nothing to measure."""
        kept = self._values[measure, case].setdefault(who, {})
        for name, value in values.items():
            kept.setdefault(name, [])
            if value is not None:
                kept[name].append(value)

    def note(self, who: str, text: str) -> None:
        """What a reader must know of somebody's figures."""
        known = self._notes.get(who, "")
        if text not in known:
            self._notes[who] = f"{known}; {text}" if known else text

    def table(self) -> str:
        """Medians, a table for each case."""
        pieces = []
        for (measure, case), rows in self._values.items():
            names = list(dict.fromkeys(name for values in rows.values() for name in values))
            body = [[who, *(_shown(values.get(name)) for name in names)] for who, values in rows.items()]
            heads = [case, *(name.replace("_", " ") for name in names)]
            pieces.append(f"{measure}\n{tabulate(body, headers=heads, disable_numparse=True)}")
        notes = "\n".join(f"{who}: {text}" for who, text in self._notes.items())
        return "\n\n".join([*pieces, notes])

    def as_json(self) -> str:
        """Every run's values, and the machine they are from."""
        results = [
            {"measure": measure, "case": case, "who": who, "runs": values, "median": _medians(values)}
            for (measure, case), rows in self._values.items()
            for who, values in rows.items()
        ]
        machine = {"cores": os.cpu_count(), "python": platform.python_version(), "kernel": platform.release()}
        made = {"form": self.form, "runs": self.runs, "machine": machine}
        return json.dumps({**made, "notes": self._notes, "results": results}, indent=1)

    def write(self, folder: Path) -> None:
        """Put both into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "latest.txt").write_text(self.table() + "\n", encoding="utf-8")
        (folder / "latest.json").write_text(self.as_json() + "\n", encoding="utf-8")


def _medians(values: dict[str, list[float]]) -> dict[str, float | None]:
    return {name: median(runs) if runs else None for name, runs in values.items()}


def _shown(runs: list[float] | None) -> str:
    return f"{median(runs):.4g}" if runs else "-"
