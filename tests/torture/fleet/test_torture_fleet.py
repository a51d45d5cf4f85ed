"""A short `make torture-fleet`: nothing is lost, and with `hold` nothing is doubled."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.torture.fleet.plan import Plan
from tests.torture.fleet.run import Torture

pytestmark = pytest.mark.postgres

SEED = 4

# A busy machine needs long to be well again after each failure.
LEAST_FAILURES = {0.3: 1, 1.0: 3}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("minutes", [0.3, pytest.param(1.0, marks=pytest.mark.bench)])
def test_a_fleet_loses_and_doubles_nothing(minutes: float) -> None:
    folder = Path(tempfile.mkdtemp(prefix="torture-fleet-"))
    plan = Plan(seed=SEED, rounds=1, minutes=minutes, at_once=3, between_s=(0.5, 3.0))
    report = Torture(folder, plan).run()
    assert not report.verdict.broken, "\n".join([f"the logs are in {folder}", *report.verdict.broken])
    assert report.verdict.accepted
    assert report.done.total() >= LEAST_FAILURES[minutes]
    shutil.rmtree(folder)
