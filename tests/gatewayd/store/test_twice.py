"""A function that is handed to the writer may run twice: the daily work is the same where each of them does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

# The files whose houses write in this process, through every function that the writer is given.
FILES = ["backlog", "dispatch", "expiry", "intake", "loop_test", "timekeeping", "together"]


@pytest.mark.timeout(400)
def test_everything_is_as_it_was_where_each_function_runs_twice() -> None:
    files = [str(HERE / f"test_{name}.py") for name in FILES]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.gatewayd.store.twice", "-q", "-n0", "-x", *files],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=390,
    )
    assert done.returncode == 0, done.stdout
