"""Many readers share one value, and get a new one when it is old."""

from __future__ import annotations

from itertools import count

import pytest

from gatewayd.operations.recent import Recent


def test_a_value_and_what_follows_from_it_are_made_once_in_a_time() -> None:
    now, made, derived = [0.0], count(1), count(1)
    recent = Recent(lambda: next(made), 2.0, lambda: now[0])
    assert [recent.get() for _ in range(3)] == [1, 1, 1]
    assert [recent.derived("k", lambda value: (value, next(derived))) for _ in range(2)] == [(1, 1), (1, 1)]
    assert recent.derived("other", lambda value: -value) == -1
    now[0] = 1.9
    assert recent.get() == 1
    now[0] = 2.0
    assert recent.derived("k", lambda value: (value, next(derived))) == (2, 2)


def test_a_value_counts_its_age_from_when_it_was_made() -> None:
    now = [0.0]

    def slow() -> float:
        now[0] += 5
        return now[0]

    recent = Recent(slow, 2.0, lambda: now[0])
    assert [recent.get(), recent.get()] == [5, 5]


def test_an_error_is_not_kept() -> None:
    answers = iter((ValueError("now"), 7))

    def make() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    recent = Recent(make, 2.0, lambda: 0.0)
    with pytest.raises(ValueError, match="now"):
        recent.get()
    assert recent.get() == 7
