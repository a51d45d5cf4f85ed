"""Which boxes work, as PostgreSQL sees it: a failure that hits a box which has not come back from the one before proves nothing."""

from __future__ import annotations

import threading
import time

import psycopg

_EVERY_S = 0.2


class Beats:
    """Looks at the beats of all boxes, on a thread and a connection of its own, past the proxies."""

    def __init__(self, dsn: str, fresh_s: float) -> None:
        """`fresh_s`: how old the last beat of a box that works may be."""
        self._dsn = dsn
        self._fresh_s = fresh_s
        self._seen: dict[str, tuple[tuple[int, int], float]] = {}  # epoch and beat, and when they were new
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="beats", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End, if it began."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def work(self, box: str, since: float) -> bool:
        """Whether this box has beaten since a moment (monotonic seconds), and lately."""
        seen = self._seen.get(box)
        return seen is not None and seen[1] > max(since, time.monotonic() - self._fresh_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with psycopg.connect(self._dsn, autocommit=True, connect_timeout=2) as db:
                    while not self._stopping.wait(_EVERY_S):
                        self._look(db)
            except psycopg.Error:  # it was killed
                self._stopping.wait(_EVERY_S)

    def _look(self, db: psycopg.Connection) -> None:
        for name, epoch, beat in db.execute("SELECT name, epoch, beat FROM gatewayd.boxes WHERE alive = 1"):
            if self._seen.get(name, (None, 0.0))[0] != (epoch, beat):
                self._seen[name] = ((epoch, beat), time.monotonic())
