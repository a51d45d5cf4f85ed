"""Functions that are handed to the writer may run twice: the tests of sending pass where each of them does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

# Files whose tests write in this process, and together hand most functions to the writer.
FILES = [
    "loop_test/test_rounds.py",
    "sending/test_dispatcher.py",
    "sending/test_expiry.py",
    "sending/test_intake.py",
    "sending/test_outage_backlog.py",
    "sending/test_request_batcher.py",
    "timekeeping/test_keeper.py",
]


@pytest.mark.timeout(400)
def test_tests_pass_where_each_function_runs_twice() -> None:
    files = [f"tests/gatewayd/{name}" for name in FILES]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.gatewayd.store.twice", "-q", "-n0", "-x", *files],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=390,
    )
    assert done.returncode == 0, done.stdout
