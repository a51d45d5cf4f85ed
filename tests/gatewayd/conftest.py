"""Gateways with simulated ports, and whole boxes. A test that needs other settings has its own fixture of the same name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gatewayd.box import Box
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


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Box]]:
    """Build boxes with these slots and configuration sections; one port with one slot by default. They are stopped at the end."""
    boxes: list[Box] = []

    def build(**choices: Any) -> Box:
        boxes.append(Box(tmp_path, **{"slots": {1: 1}, **choices}))
        return boxes[-1]

    yield build
    for box in boxes:
        box.stop()
