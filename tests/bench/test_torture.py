"""All faults of modems at random: no message is lost, none is sent twice unless it was in doubt, and nothing leaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.torture import Plan, Torture

LEAK_KB = 8 * 1024  # memory that allocators keep; a leak of one record per fault would be more


def test_eight_ports_for_a_while(tmp_path: Path) -> None:
    plan = Plan(messages=25, incoming=6, run_s=20, scale=0.04, rate=0.004, often=0.04, settle_s=60)
    result = Torture(tmp_path, plan).run()
    assert list(result.faults()) == [], result.table()


@pytest.mark.bench
@pytest.mark.parametrize("seed", [1])
def test_eight_ports_for_ten_minutes(tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(
        messages=500, incoming=100, run_s=600, scale=0.2, rate=0.01, often=0.05, settle_s=240, seed=seed
    )
    result = Torture(tmp_path, plan).run()
    with capsys.disabled():
        print(f"\n{result.table()}")  # noqa: T201 - the figures are the purpose
    assert list(result.faults()) == []
    assert result.resident_kb[1] - result.resident_kb[0] < LEAK_KB
