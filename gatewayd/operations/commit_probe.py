"""Checks whether the store commits at this moment, with a bounded wait."""

from __future__ import annotations

import os
from threading import Condition
from time import monotonic

from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.store import Store

PROBE_TIMEOUT_S = 2.0
"""A commit takes milliseconds, on a worn SD card a second. While one takes longer, no message is accepted."""


class CommitProbe:
    """Asks the writer for empty transactions, one at a time. Any thread may call any method."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changed = Condition()
        self._asked_at: float | None = None  # start of the probe that is not answered yet, monotonic
        self._answers = 0
        self._good = False  # the last answer

    def commits(self, within_s: float = PROBE_TIMEOUT_S) -> bool:
        """Whether the writer commits within `within_s` of this call.

        False at once while an earlier probe has waited longer than that: with a lock of another program, or a disk that
        hangs, only the first caller waits.
        """
        if not self._is_in_place():
            return False
        with self._changed:
            if self._asked_at is None:
                try:
                    self._store.probe(self._answered)
                except StoreUnavailableError:
                    return False
                self._asked_at = monotonic()
            seen = self._answers
            left_s = self._asked_at + within_s - monotonic()
            return self._changed.wait_for(lambda: self._answers != seen, max(0.0, left_s)) and self._good

    def _is_in_place(self) -> bool:
        """Whether the file is where it was opened, on a writable disk: an empty transaction does not check that."""
        path = self._store.path
        try:
            return path.exists() and not os.statvfs(path.parent).f_flag & os.ST_RDONLY
        except OSError:
            return False

    def _answered(self, waiting: int | None) -> None:
        with self._changed:
            self._asked_at = None
            self._answers += 1
            self._good = waiting is not None
            self._changed.notify_all()
