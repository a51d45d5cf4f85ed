"""The share of each file of gatewayd in the CPU time of a message: `python -m tests.bench.hot_paths [sending|taking]`.

Needs py-spy (`pip install py-spy`, as root). Only the thread that holds the lock of the interpreter is counted:
no waiting, and no work of SQLite. The time of a library counts for the file of gatewayd that called it.
"""

from __future__ import annotations

import subprocess
import time
from collections import Counter

import click
from tabulate import tabulate

from tests.bench.gateway import ROOT, Gatewayd
from tests.bench.measure_taking import NEVER_S, clients
from tests.bench.measurement import program_on_bank

OURS = ("api/", "config/", "gatewayd/", "modem/")
PORTS, SUBMIT_S = 16, 0.1
CLIENTS = 16
WARM_S = 3.0
SHOWN = 14


def by_file(stacks: str) -> Counter[str]:
    """The number of samples for each file of gatewayd, from py-spy's raw stacks (`frame;frame count`, a frame as `name (file:line)`)."""
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
    """Sample gatewayd while it sends or accepts messages."""
    sending = path == "sending"
    with program_on_bank(Gatewayd, PORTS, SUBMIT_S if sending else NEVER_S) as (bank, program):
        assert isinstance(program, Gatewayd)
        program.start()
        key, length = str(program.session.headers["X-API-Key"]), WARM_S + seconds
        load = None
        if sending:
            program.fill(int(PORTS * (length + WARM_S) / SUBMIT_S))
        else:
            load = subprocess.Popen(
                clients(program.port, key, CLIENTS, length, 1), stdout=subprocess.DEVNULL, cwd=ROOT
            )
        time.sleep(WARM_S)
        raw = program.folder / "stacks"
        began, before = time.monotonic(), program.cpu_s()
        options = [
            "--full-filenames",
            "--format=raw",
            "--rate=500",
            "--nonblocking",
            "--gil",
            f"--duration={seconds}",
        ]
        pid = str(program.pids()[0])
        subprocess.run(
            [spy, "record", *options, "--pid", pid, "--output", raw], check=True, capture_output=True
        )
        cpu = program.cpu_s() - before
        if load is not None:
            load.wait()
        sent = bank.count(began, time.monotonic())
        found = by_file(raw.read_text(encoding="utf-8").replace(f"({ROOT}/", "("))
    total = sum(found.values())
    rows = [[name, f"{100 * count / total:.0f} %"] for name, count in found.most_common(SHOWN)]
    click.echo(f"{cpu:.2f} s of CPU" + (f", {1000 * cpu / sent:.2f} ms a message" if sent else ""))
    click.echo(tabulate(rows, headers=["file", "share"], tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    main()
