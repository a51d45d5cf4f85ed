"""The clock of the torture of a fleet: only the wall clock is wrong, and sleeping works."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.torture.fleet.wrong_clock import WrongClock

_TELL = """
import time
while input():
    time.sleep(0.2)
    print(time.time(), time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME), flush=True)
"""


def test_only_the_wall_clock_is_stepped(tmp_path: Path) -> None:
    clock = WrongClock(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", _TELL],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, **clock.environment},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for step in (0, 3600, -3600, 0):
            clock.set(step)
            asked = (time.time() + step, time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME))
            print("go", file=process.stdin, flush=True)
            told = [float(each) for each in process.stdout.readline().split()]
            assert all(0 <= there - here < 60 for here, there in zip(asked, told, strict=True))
        print(file=process.stdin, flush=True)
