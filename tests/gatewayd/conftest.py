"""Gateways with simulated ports. A test that needs other settings has its own fixture of the same name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gatewayd.played_ports import A, PlayedGateway


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    """A gateway that repeats a submission after a few milliseconds, three times at most."""
    played = PlayedGateway(tmp_path, backoff_s=(0.05,), in_doubt_wait_s=0.05, max_attempts=3)
    yield played
    played.close()


@pytest.fixture
def holding(tmp_path: Path) -> Iterator[PlayedGateway]:
    """A gateway with one SIM that keeps parts in doubt until a report comes or a person decides."""
    holding = PlayedGateway(tmp_path, in_doubt="hold", in_doubt_wait_s=0.02, backoff_s=(0.02,))
    holding.up(1, A)
    yield holding
    holding.close()
