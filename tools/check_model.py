"""Check the model of boxes that share one queue, docs/models/fleet.pml, with spin.

    python tools/check_model.py [--quick] [--only NAME] [--model FILE]

Runs a table of configurations, two at a time, and prints for each its states, seconds and verdict. A configuration without a change
must hold. One with a mutation, or with a rule taken away, must fail, and the same configuration without that change must hold.
Exits with 1 if one does otherwise or was cut off by a bound. Needs spin and gcc.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tools.model_configurations import CONFIGURATIONS, Configuration  # noqa: E402 - the tool runs from anywhere

MODEL = ROOT / "docs" / "models" / "fleet.pml"
MEMORY_MB = 2500  # for one run, of which two go at a time
DEPTH = 6000  # steps; the deepest run that holds reaches about 1,000
COMPILE_SECONDS = 600
QUICK_SECONDS = 100  # for one run
FULL_SECONDS = 800

# The model's #if lines read these, so each choice of them is a program of its own. All others are read when the program starts.
FIXED = ("MESSAGES", "ACCEPT", "BACKUPS")


class ModelError(Exception):
    """The model cannot be run: the text says why."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters that the model declares, with their defaults, and its named numbers."""

    defaults: Mapping[str, str]
    numbers: Mapping[str, str]

    def value(self, name: str, chosen: Mapping[str, str | int]) -> str:
        """Return the number that stands for a parameter."""
        text = str(chosen.get(name, self.defaults[name]))
        return self.numbers.get(text, text)

    def changing(self) -> list[str]:
        """Return the parameters that a compiled program reads when it starts."""
        return [name for name in self.defaults if name not in FIXED]


def read_parameters(model: str) -> Parameters:
    """Read the parameters out of the text of the model."""
    defaults = re.findall(r"^#ifndef (\w+)\n#define \1 (\w+)", model, re.MULTILINE)
    numbers = re.findall(r"^#define ([A-Z]\w*)[ \t]+(\d+)\b", model, re.MULTILINE)
    names = {name for name, _ in defaults}
    return Parameters(dict(defaults), {name: number for name, number in numbers if name not in names})


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of one run. `text` is "holds", "fails" or "cut off"; `detail` is the assertion or the bound."""

    text: str
    states: int = 0
    seconds: float = 0.0
    detail: str = ""


def judge(output: str, seconds: float) -> Verdict:
    """Read what a program of spin printed. Anything but a complete search without an error is no "holds"."""
    stored = re.search(r"([\d.e+]+) states, stored", output)
    states = int(float(stored[1])) if stored else 0
    violated = re.search(r"assertion violated (.*)|non-progress cycle \(at depth", output)
    if violated:
        return Verdict("fails", states, seconds, (violated[1] or "non-progress cycle").strip()[:70])
    complete = re.search(r"errors: 0$", output, re.MULTILINE)
    cut = re.search(r"Search not completed|max search depth too small|reached -DMEMLIM|out of memory", output)
    if cut or not complete or not states:
        return Verdict("cut off", states, seconds, cut[0] if cut else "no result")
    return Verdict("holds", states, seconds)


@dataclass(slots=True)
class Runner:
    """Compiles the model, once for each choice of FIXED, and runs the programs."""

    model: Path
    folder: Path
    optimise: str
    hash_bits: int  # the size of the table of states: clearing a large one takes longer than a small search
    seconds: float
    parameters: Parameters = field(init=False)

    def __post_init__(self) -> None:
        self.parameters = read_parameters(self.model.read_text())

    def program(self, configuration: Configuration) -> tuple[str, ...]:
        """Return the choice that decides which program runs this configuration."""
        values = (f"{name}={self.parameters.value(name, configuration.settings)}" for name in FIXED)
        return (*values, "cycles" if configuration.cycles else "safety")

    def compile(self, program: tuple[str, ...]) -> None:
        """Make the program; raise ModelError with the first words of the tool that refused."""
        place = self.folder / "-".join(program)
        place.mkdir()
        changing = self.parameters.changing()
        (place / "parameters.h").write_text(_start_values(changing))
        shutil.copy(self.model, place / "fleet.pml")
        fixed = [f"-D{choice}" for choice in program[:-1]]
        read_at_start = [f"-D{name}=c_expr{{p_{name}}}" for name in changing]
        _run(["spin", *fixed, *read_at_start, "-a", "fleet.pml"], place)
        # A search for cycles keeps whole states: with hashes it passes over some that differ in the place of the cycle only.
        search = ["-DNP"] if program[-1] == "cycles" else ["-DSAFETY", "-DHC4"]
        bounds = ["-DVECTORSZ=512", f"-DMEMLIM={MEMORY_MB}"]
        _run(
            ["gcc", self.optimise, "-w", "-include", "parameters.h", *search, *bounds, "-o", "pan", "pan.c"],
            place,
        )

    def run(self, configuration: Configuration) -> Verdict:
        """Search all states of one configuration."""
        place = self.folder / "-".join(self.program(configuration))
        chosen = {
            name: self.parameters.value(name, configuration.settings) for name in self.parameters.changing()
        }
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(dir=self.folder) as trail:
            command = [
                str(place / "pan"),
                f"-m{DEPTH}",
                f"-w{self.hash_bits}",
                *(["-l"] if configuration.cycles else []),
            ]
            try:
                done = subprocess.run(
                    command,
                    cwd=trail,
                    env={**os.environ, **chosen},
                    capture_output=True,
                    text=True,
                    timeout=self.seconds,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return Verdict("cut off", 0, time.monotonic() - begun, f"not done after {self.seconds:.0f} s")
        return judge(done.stdout, time.monotonic() - begun)


def _start_values(names: Iterable[str]) -> str:
    """Return C that reads each parameter from the environment before the search begins."""
    lines = ["#include <stdlib.h>"]
    lines += [f"static int p_{name};" for name in names]
    lines += ["__attribute__((constructor)) static void read_parameters(void) {"]
    lines += [f'    p_{name} = atoi(getenv("{name}"));' for name in names]
    return "\n".join([*lines, "}", ""])


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=COMPILE_SECONDS, check=False
    )
    said = (done.stdout + done.stderr).strip()
    if done.returncode or "Error" in said:
        raise ModelError(f"{command[0]} refused the model: {' / '.join(said.splitlines()[:3])}")


def with_their_bases(configurations: Iterable[Configuration], *, quick: bool) -> list[Configuration]:
    """Add to each configuration that must fail the same one without its change, which must hold. Each is there once.

    A quick check leaves out the bases that are large.
    """
    known: dict[tuple[tuple[str, str | int], ...], Configuration] = {}
    for configuration in configurations:
        for each in (configuration, configuration.base()):
            if quick and each.change is None and each.large:
                continue
            key = (*sorted(each.settings.items()), ("cycles", each.cycles))
            known.setdefault(key, each)
    return list(known.values())


def check(configurations: list[Configuration], runner: Runner) -> bool:
    """Run all and print the table; return whether each did what it must."""
    print(f"{'configuration':<58} {'states':>11} {'seconds':>8}  verdict")
    good = True
    with ThreadPoolExecutor(2) as pool:
        programs = dict.fromkeys(runner.program(configuration) for configuration in configurations)
        list(pool.map(runner.compile, programs))
        for configuration, verdict in zip(configurations, pool.map(runner.run, configurations), strict=True):
            right = verdict.text == configuration.must
            good = good and right
            said = verdict.text if right else f"WRONG: {verdict.text}, must be: {configuration.must}"
            detail = f" ({verdict.detail})" if verdict.detail and not right else ""
            print(
                f"{configuration.name:<58} {verdict.states:>11,} {verdict.seconds:>8.1f}  {said}{detail}",
                flush=True,
            )
    return good


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="only the small configurations, as CI does")
    parser.add_argument("--only", metavar="NAME", help="only configurations whose name contains this")
    parser.add_argument("--model", type=Path, default=MODEL, help="another file than docs/models/fleet.pml")
    options = parser.parse_args()
    missing = [tool for tool in ("spin", "gcc") if not shutil.which(tool)]
    if missing:
        print(
            f"{' and '.join(missing)} must be installed to check the model: apt-get install {' '.join(missing)}"
        )
        return 1
    chosen = with_their_bases(CONFIGURATIONS, quick=options.quick)
    chosen = [row for row in chosen if options.only is None or options.only in row.name]
    if not chosen:
        print(f"no configuration has {options.only!r} in its name")
        return 1
    # Without optimisation gcc takes seconds, with it a minute; only long searches win that back.
    optimise, hash_bits, seconds = ("-O0", 18, QUICK_SECONDS) if options.quick else ("-O1", 25, FULL_SECONDS)
    with tempfile.TemporaryDirectory(prefix="model-") as folder:
        try:
            good = check(chosen, Runner(options.model, Path(folder), optimise, hash_bits, seconds))
        except ModelError as error:
            print(error)
            return 1
    print("The model holds, and every change was caught." if good else "The model does not do what it must.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
