"""A SIM without credit for days still rests for a quarter of an hour at most."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayd.sending.circuit_breaker import CircuitBreaker
from gatewayd.timekeeping.clock import DAY
from modem.errors import Kind
from modem.parts import Refused, Submission
from modem.port.interface import Outcome
from tests.gatewayd.played_ports import A, PlayedGateway, refused, send_many


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path, default_expiry_s=3600)
    played.up(1, A)
    yield played
    played.close()


@pytest.mark.parametrize("tries", [1, 8, 2000, 20_000])
def test_the_rest_of_a_sim_has_a_limit_after_any_number_of_tries(tries: int) -> None:
    breakers, rest_s = CircuitBreaker(), 0.0
    for number in range(tries + 2):
        part = Submission(number, 1, 1, 1, f"+2237{number:07}", segment=None, reference=0, validity_s=None)  # type: ignore[arg-type]
        rest_s = breakers.after(Outcome(part, refused(Kind.SIM), 0, 0))
    assert rest_s == (60.0 if tries == 1 else 900.0)
    assert len(breakers.recipients) < 10


def test_ten_days_without_credit_cause_no_error(played: PlayedGateway) -> None:
    send_many(played, 3)
    failure = Refused(refused(Kind.SIM).cause)
    for number in range(1500):
        played.clock.passed += 901
        step = played.next(1)
        if isinstance(step, Submission):
            played.settle(1, step, failure)
        if number % 100 == 0:
            played.clock.at += DAY // 2
            send_many(played, 5)
