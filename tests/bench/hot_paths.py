"""Where a message's CPU time goes, by the file of ours that spends it: `python -m tests.bench.hot_paths [sending|taking]`.

Needs py-spy (`pip install py-spy`, as root). Counted is who holds the interpreter's lock: not what waits, nor
SQLite's own work. What a library does counts for the file of ours that called it.
"""

from __future__ import annotations

import subprocess
import time
from collections import Counter

import click
from tabulate import tabulate

from tests.bench.gateway import ROOT, Gatewayd
from tests.bench.measure_taking import NEVER_S, clients
from tests.bench.stage import stage

OURS = ("api/", "config/", "gatewayd/", "modem/")
PORTS, SUBMIT_S = 16, 0.1
CLIENTS = 16
WARM_S = 3.0
SHOWN = 14


def by_file(stacks: str) -> Counter[str]:
    """Samples for each file of ours, from py-spy's raw stacks (`frame;frame count`, a frame as `name (file:line)`)."""
    found: Counter[str] = Counter()
    for line in stacks.splitlines():
        frames, _, count = line.rpartition(" ")
        places = [frame.rpartition("(")[2].partition(":")[0] for frame in frames.split(";")]
        ours = [place for place in places if place.startswith(OURS)]
        found[ours[-1] if ours else "the HTTP server, Python itself"] += int(count)
    return found


@click.command()
@click.argument("path", type=click.Choice(["sending", "taking"]), default="sending")
@click.option("--spy", default="py-spy", help="The program.")
@click.option("--seconds", default=10)
def main(path: str, spy: str, seconds: int) -> None:
    """Sample gatewayd while it sends or takes."""
    sending = path == "sending"
    with stage(Gatewayd, PORTS, SUBMIT_S if sending else NEVER_S) as (bank, candidate):
        assert isinstance(candidate, Gatewayd)
        candidate.start()
        key, length = str(candidate.session.headers["X-API-Key"]), WARM_S + seconds
        at_work = None
        if sending:
            candidate.fill(int(PORTS * (length + WARM_S) / SUBMIT_S))
        else:
            at_work = subprocess.Popen(
                clients(candidate.port, key, CLIENTS, length, 1), stdout=subprocess.DEVNULL, cwd=ROOT
            )
        time.sleep(WARM_S)
        raw = candidate.folder / "stacks"
        began, before = time.monotonic(), candidate.cpu_s()
        how = [
            "--full-filenames",
            "--format=raw",
            "--rate=500",
            "--nonblocking",
            "--gil",
            f"--duration={seconds}",
        ]
        pid = str(candidate.pids()[0])
        subprocess.run([spy, "record", *how, "--pid", pid, "--output", raw], check=True, capture_output=True)
        cpu = candidate.cpu_s() - before
        if at_work is not None:
            at_work.wait()
        sent = bank.count(began, time.monotonic())
        found = by_file(raw.read_text(encoding="utf-8").replace(f"({ROOT}/", "("))
    total = sum(found.values())
    rows = [[name, f"{100 * count / total:.0f} %"] for name, count in found.most_common(SHOWN)]
    click.echo(f"{cpu:.2f} s of CPU" + (f", {1000 * cpu / sent:.2f} ms a message" if sent else ""))
    click.echo(tabulate(rows, headers=["file", "share"], tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    main()
