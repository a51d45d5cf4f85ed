"""Histograms of durations."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Histogram:
    """Cumulative counts up to each bound, in seconds (the last bound is infinite), and the sum of all durations."""

    buckets: tuple[tuple[float, int], ...]
    total_s: float


class Durations(Generic[K]):
    """Histograms, one for each key. Any thread may call any method."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = (*bounds, float("inf"))
        self._lock = threading.Lock()
        self._counts: dict[K, list[int]] = {}
        self._totals: dict[K, float] = {}

    def observe(self, key: K, seconds: float) -> None:
        """Add one duration."""
        with self._lock:
            counts = self._counts.setdefault(key, [0] * len(self._bounds))
            counts[bisect_left(self._bounds, seconds)] += 1
            self._totals[key] = self._totals.get(key, 0.0) + seconds

    def histograms(self) -> dict[K, Histogram]:
        """A snapshot of all histograms."""
        with self._lock:
            return {key: self._histogram(key) for key in self._counts}

    def _histogram(self, key: K) -> Histogram:
        buckets, below = [], 0
        for bound, count in zip(self._bounds, self._counts[key], strict=True):
            below += count
            buckets.append((bound, below))
        return Histogram(tuple(buckets), self._totals[key])
