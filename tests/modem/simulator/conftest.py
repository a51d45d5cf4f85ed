"""Fixtures of the simulator's tests: modems on a bench, and a bank on real terminals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modem.simulator.bank import Bank, BankConfig
from tests.modem.simulator.bench import Bench, MakeBench


@pytest.fixture
def make_bench(tmp_path: Path) -> MakeBench:
    """Makes benches; keywords are those of `BankConfig`. Echo is off, errors are numbers."""

    def make(*, modems: int = 2, slots: int = 1, quiet: bool = True, **choices: Any) -> Bench:
        bench = Bench(replace(BankConfig(tmp_path), **choices), modems, slots)
        if quiet:
            for number in range(1, modems + 1):
                bench.say("ATE0+CMEE=1", number)
        return bench

    return make


@pytest.fixture
def bench(make_bench: MakeBench) -> Bench:
    """Two plain modems, one of each operator."""
    return make_bench()


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    """Two plain modems on real terminals, time running twenty times as fast."""
    with Bank(BankConfig(tmp_path / "bank", ports=2, time_scale=0.05)) as running:
        yield running
