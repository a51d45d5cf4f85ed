"""The limit of wrong keys: so many from one address in a minute, in bounded memory."""

from __future__ import annotations

from threading import Lock

PLACES = 10_000
"""Addresses that are remembered; whoever comes when all places are taken shares one with all others that do."""

_OTHERS = ""


class WrongKeys:
    """Counts by the generic cell rate algorithm: for each address the moment at which its count is 0 again."""

    def __init__(self, per_minute: int) -> None:
        self._interval_s = 60.0 / per_minute
        self._lock = Lock()
        self._clear_at: dict[str, float] = {}

    def wait_s(self, who: str, now: float) -> float:
        """Count a wrong key of `who` at `now` (monotonic seconds): 0, or how long until one may come again."""
        with self._lock:
            if who not in self._clear_at and len(self._clear_at) >= PLACES:
                self._forget(now)
                who = who if len(self._clear_at) < PLACES else _OTHERS
            clear_at = max(self._clear_at.get(who, now), now) + self._interval_s
            wait_s = clear_at - now - 60.0
            if wait_s > 1e-6:  # what adding fractions leaves
                return wait_s
            self._clear_at[who] = clear_at
            return 0.0

    def _forget(self, now: float) -> None:
        self._clear_at = {who: at for who, at in self._clear_at.items() if at > now}
