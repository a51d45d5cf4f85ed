"""`make torture-fleet`: prints a table, and exits with 1 if a promise was broken. Then the folder with all logs is kept."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

from tabulate import tabulate

from tests.torture.fleet.plan import SHORT, Kind, Plan, Times
from tests.torture.fleet.run import Report, Torture

QUICK_MINUTES = 1.4
MINUTES = 20.0


def main() -> int:
    """Run the torture, and print what came of it."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    options = argparse.ArgumentParser(prog="python -m tests.torture.fleet", description=__doc__)
    options.add_argument("--minutes", type=float, help=f"of failures; {MINUTES:.0f} by default")
    options.add_argument("--rounds", type=int, help="instead: so many failures of each kind")
    options.add_argument("--quick", action="store_true", help=f"{QUICK_MINUTES} minutes")
    options.add_argument("--seed", type=int, help="of every random choice; printed")
    options.add_argument("--boxes", type=int, default=3)
    options.add_argument("--ports", type=int, default=2, help="of each box")
    options.add_argument("--in-doubt", choices=("hold", "retry"), default="hold", help="dispatch.in_doubt")
    options.add_argument("--real-times", action="store_true", help="the protocol's own times, not short ones")
    options.add_argument(
        "--only", action="append", choices=[kind.name for kind in Kind], help="may be repeated"
    )
    options.add_argument("--at-once", type=int, default=2, help="failures at the same time")
    options.add_argument("--folder", type=Path, help="for logs and stores; kept")
    chosen = options.parse_args()
    minutes = chosen.minutes or (QUICK_MINUTES if chosen.quick else MINUTES)
    plan = Plan(
        seed=chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(1 << 20),
        rounds=chosen.rounds,
        minutes=None if chosen.rounds else minutes,
        boxes=chosen.boxes,
        ports=chosen.ports,
        in_doubt=chosen.in_doubt,
        kinds=tuple(Kind[name] for name in chosen.only) if chosen.only else tuple(Kind),
        at_once=chosen.at_once,
        times=Times() if chosen.real_times else SHORT,
    )
    print(f"seed {plan.seed}: repeat the same choices with --seed {plan.seed}", flush=True)  # noqa: T201
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="torture-fleet-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        report = Torture(folder, plan, lambda line: print(line, flush=True)).run()  # noqa: T201
    except BaseException:
        print(f"it ended early; the folder {folder} is kept")  # noqa: T201
        raise
    show(plan, report)
    if report.verdict.broken:
        print(f"{len(report.verdict.broken)} promises were broken; the logs are in {folder}")  # noqa: T201
        return 1
    if chosen.folder is None:
        shutil.rmtree(folder)
    return 0


def show(plan: Plan, report: Report) -> None:
    """Print the tables."""
    verdict = report.verdict
    print(tabulate([(kind.value, report.done[kind]) for kind in plan.kinds], headers=("failure", "times")))  # noqa: T201
    figures = [
        (each.name.replace("_", " "), getattr(verdict, each.name))
        for each in fields(verdict)
        if each.name not in ("broken", "left_in_doubt")
    ]
    figures += [
        ("left in doubt", len(verdict.left_in_doubt)),
        ("broken promises", len(verdict.broken)),
        ("seconds", round(report.seconds)),
    ]
    print()  # noqa: T201
    print(tabulate(figures, headers=("messages", plan.in_doubt)))  # noqa: T201
    answers = ", ".join(f"{what} {count}" for what, count in report.answers.most_common())
    print(f"\nanswers to the clients: {answers}")  # noqa: T201
    for sentence in verdict.left_in_doubt:
        print(f"in doubt: {sentence}")  # noqa: T201
    for sentence in [*report.notes, *verdict.broken]:
        print(sentence)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
