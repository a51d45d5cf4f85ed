"""`make torture`: prints a table, and exits with 1 if a promise was broken."""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tabulate import tabulate

from tests.torture import cuts, kills
from tests.torture.verdict import HEADERS, Verdict


def main() -> int:
    """Run the chosen kinds of torture."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    options = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    options.add_argument("--via", choices=("direct", "storage"), default="direct", help="dispatch.submit_via")
    options.add_argument("--kills", type=int, default=100, help="of each kind")
    options.add_argument("--images", type=int, default=1000, help="crash images of power cuts")
    options.add_argument("--ports", type=int, default=4)
    options.add_argument("--seed", type=int, default=None, help="of every random choice; printed")
    options.add_argument(
        "--only", choices=("kills", "held", "stored", "modems", "cuts"), help="only this run"
    )
    options.add_argument("--keep", type=Path, help="keep logs and stores in this folder")
    chosen = options.parse_args()
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(1 << 30)
    print(f"seed {seed}: repeat the same choices with --seed {seed}", flush=True)  # noqa: T201
    common = {"kills": chosen.kills, "seed": seed, "ports": chosen.ports, "via": chosen.via}
    runs: dict[str, Callable[[Path], Verdict]] = {
        "kills": lambda path: kills.Kills(path, kills.Plan(f"kills, {chosen.via}", **common)).run(),
        "held": lambda path: kills.Kills(
            path, kills.Plan(f"kills, {chosen.via}, lines kept open", held=True, **common)
        ).run(),
        "stored": lambda path: kills.Kills(
            path, kills.Plan(f"kills, {chosen.via}, reports stored", stored_reports=True, **common)
        ).run(),
        "modems": lambda path: kills.Kills(
            path, kills.Plan(f"kills and modems cut off, {chosen.via}", cut_modems=True, **common)
        ).run(),
        "cuts": lambda path: cuts.Cuts(
            path, cuts.Plan(f"power cuts, {chosen.via}", images=chosen.images, seed=seed, via=chosen.via)
        ).run(),
    }
    verdicts = []
    with tempfile.TemporaryDirectory(prefix="torture-") as scratch:
        for name, run in runs.items():
            if chosen.only in (None, name):
                path = (chosen.keep or Path(scratch)) / name
                path.mkdir(parents=True)
                verdicts.append(run(path))
                print(f"{verdicts[-1].name}: {len(verdicts[-1].broken)} broken promises", flush=True)  # noqa: T201
    print(tabulate([verdict.row() for verdict in verdicts], headers=HEADERS))  # noqa: T201
    broken = [f"{verdict.name}: {sentence}" for verdict in verdicts for sentence in verdict.broken]
    for sentence in broken:
        print(sentence)  # noqa: T201
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
