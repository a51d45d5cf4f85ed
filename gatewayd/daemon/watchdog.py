"""The daemon's own watch: every thread that matters is asked to answer, and systemd is told while all of them do.

A question goes through the queue that a thread's real work goes through, so that only a thread that still takes work can
answer it: a port's between two looks at its modem, also during a submission of minutes; the writer's as a transaction
without a change, which touches no disk; the HTTP server's from its loop through one of the threads that answer requests.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Final

from gatewayd.daemon.service_manager import ServiceManager

log = logging.getLogger(__name__)

Question = Callable[[Callable[[], None]], None]
"""Hands a thread a function, which it calls when it comes to it."""

# How often threads are asked where systemd sets no time, and how often within the time that it sets: a thread
# may be late for most of that time (a card that syncs for half a minute), but not for all of it.
_BEAT_S: Final = 20.0
_BEATS: Final = 6

_LOOK_S: Final = 5.0  # between looks at the ports, for the status line


class Watchdog:
    """Call `look` at least every `every_s`, from one thread."""

    def __init__(
        self,
        manager: ServiceManager,
        questions: Mapping[str, Question],
        tell: Callable[[], str],
    ) -> None:
        """`questions` by the name of the thread; `tell`: how the daemon is, in one line."""
        self._manager = manager
        self._rounds = {name: _Round(question) for name, question in questions.items()}
        self._tell = tell
        self._beat_s = manager.watchdog_s / _BEATS or _BEAT_S
        self.every_s = min(_LOOK_S, self._beat_s)
        self._beat_at = 0.0
        self._missing: list[str] = []
        self._told = ""

    def look(self) -> None:
        """Ask who was not asked lately, feed systemd's watchdog if all have answered, and tell what is new."""
        if not self._manager.listens:
            return
        now = monotonic()
        if now >= self._beat_at:
            self._beat_at = now + self._beat_s
            self._beat()
        told = self._tell()
        if self._missing:
            told += f"; no answer from {', '.join(self._missing)}"
        if told != self._told:
            self._manager.tell(f"STATUS={told}")
            self._told = told

    def _beat(self) -> None:
        missing = [name for name, each in self._rounds.items() if not each.answered()]
        for name in missing:
            if name not in self._missing:
                log.error("%s does not answer; if that lasts, the service is started anew", name)
        self._missing = missing
        if not missing:
            self._manager.tell("WATCHDOG=1")


class _Round:
    """One thread, and whether it has answered the last question."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._back = threading.Event()
        self._back.set()

    def answered(self) -> bool:
        """Whether it has. Then it is asked again."""
        if not self._back.is_set():
            return False
        self._back.clear()
        self._question(self._back.set)
        return True
