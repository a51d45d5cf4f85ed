"""The results of several runs, as a table of medians and as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections import defaultdict
from pathlib import Path
from statistics import median

from tabulate import tabulate


class Report:
    """Values by measure, case, program and name."""

    def __init__(self, form: str = "whole", runs: int = 1) -> None:
        self.form = form
        self.runs = runs
        self._values: defaultdict[tuple[str, str], dict[str, dict[str, list[float]]]] = defaultdict(dict)
        self._notes: dict[str, str] = {}

    def add(self, measure: str, case: str, program: str, **values: float | None) -> None:
        """Add the values of one run. None: the value could not be measured."""
        kept = self._values[measure, case].setdefault(program, {})
        for name, value in values.items():
            kept.setdefault(name, [])
            if value is not None:
                kept[name].append(value)

    def note(self, program: str, text: str) -> None:
        """Add a note about the figures of a program."""
        known = self._notes.get(program, "")
        if text not in known:
            self._notes[program] = f"{known}; {text}" if known else text

    def table(self) -> str:
        """Medians, a table for each case."""
        tables = []
        for (measure, case), rows in self._values.items():
            names = list(dict.fromkeys(name for values in rows.values() for name in values))
            body = [
                [program, *(_shown(values.get(name)) for name in names)] for program, values in rows.items()
            ]
            heads = [case, *(name.replace("_", " ") for name in names)]
            tables.append(f"{measure}\n{tabulate(body, headers=heads, disable_numparse=True)}")
        notes = "\n".join(f"{program}: {text}" for program, text in self._notes.items())
        return "\n\n".join([*tables, notes])

    def as_json(self) -> str:
        """The values of every run, and the machine, as JSON."""
        results = [
            {"measure": measure, "case": case, "program": program, "runs": values, "median": _medians(values)}
            for (measure, case), rows in self._values.items()
            for program, values in rows.items()
        ]
        machine = {"cores": os.cpu_count(), "python": platform.python_version(), "kernel": platform.release()}
        conditions = {"form": self.form, "runs": self.runs, "machine": machine}
        return json.dumps({**conditions, "notes": self._notes, "results": results}, indent=1)

    def write(self, folder: Path) -> None:
        """Write `latest.txt` and `latest.json` into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "latest.txt").write_text(self.table() + "\n", encoding="utf-8")
        (folder / "latest.json").write_text(self.as_json() + "\n", encoding="utf-8")


def _medians(values: dict[str, list[float]]) -> dict[str, float | None]:
    return {name: median(runs) if runs else None for name, runs in values.items()}


def _shown(runs: list[float] | None) -> str:
    return f"{median(runs):.4g}" if runs else "-"
