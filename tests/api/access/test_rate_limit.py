"""The limit of wrong keys: a burst of one minute's number, then the steady rate, in bounded memory."""

from __future__ import annotations

import pytest

from api.access import rate_limit
from api.access.rate_limit import WrongKeyLimit


def refused(keys: WrongKeyLimit, address: str, count: int, now: float) -> int:
    return sum(keys.wait_s(address, now) > 0 for _ in range(count))


def test_keys_pass_up_to_the_limit_and_the_next_gets_the_wait() -> None:
    keys = WrongKeyLimit(30)
    assert refused(keys, "a", 30, 100.0) == 0
    assert keys.wait_s("a", 100.0) == pytest.approx(2.0)
    assert keys.wait_s("a", 101.5) == pytest.approx(0.5)
    assert keys.wait_s("a", 102.0) == 0  # refused keys are not counted
    assert keys.wait_s("a", 102.0) > 0
    assert refused(keys, "a", 31, 500.0) == 1
    assert refused(keys, "b", 30, 100.0) == 0


def test_memory_is_bounded_and_further_clients_share_a_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "MAX_CLIENTS", 3)
    keys = WrongKeyLimit(2)
    assert [keys.wait_s(str(n), 0.0) for n in range(5)] == [0.0] * 5
    assert keys.wait_s("7", 0.0) > 0
    assert keys.wait_s("0", 0.0) == 0  # a known client keeps its own count
    assert keys.wait_s("7", 1000.0) == 0  # and all counts expire
    assert refused(keys, "7", 2, 1000.0) == 1
