"""Limits the wrong keys that one client may send in a minute, in bounded memory."""

from __future__ import annotations

from threading import Lock

MAX_CLIENTS = 10_000
"""Clients with a count of their own. When all counts are in use, further clients share one."""

_SHARED = ""


class WrongKeyLimit:
    """Counts by the generic cell rate algorithm: for each client, the moment when its count is 0 again."""

    def __init__(self, per_minute: int) -> None:
        self._interval_s = 60.0 / per_minute
        self._lock = Lock()
        self._clear_at: dict[str, float] = {}

    def wait_s(self, client: str, now: float) -> float:
        """Count a wrong key of `client` at `now` (monotonic seconds). Returns 0, or the seconds until the next one may come."""
        with self._lock:
            if client not in self._clear_at and len(self._clear_at) >= MAX_CLIENTS:
                self._remove_cleared(now)
                client = client if len(self._clear_at) < MAX_CLIENTS else _SHARED
            clear_at = max(self._clear_at.get(client, now), now) + self._interval_s
            wait_s = clear_at - now - 60.0
            if wait_s > 1e-6:  # more than the rounding error of adding fractions
                return wait_s
            self._clear_at[client] = clear_at
            return 0.0

    def seconds_left(self, client: str, now: float) -> float:
        """0, or the seconds until `client` may send a wrong key again. Counts nothing."""
        with self._lock:
            clear_at = self._clear_at.get(client, now)
            if client not in self._clear_at and len(self._clear_at) >= MAX_CLIENTS:
                clear_at = self._clear_at.get(_SHARED, now)
        return max(0.0, clear_at + self._interval_s - now - 60.0)

    def take_back(self, client: str) -> None:
        """Count one less: what was counted was right."""
        with self._lock:
            name = client if client in self._clear_at else _SHARED
            if name in self._clear_at:
                self._clear_at[name] -= self._interval_s

    def _remove_cleared(self, now: float) -> None:
        self._clear_at = {client: at for client, at in self._clear_at.items() if at > now}
