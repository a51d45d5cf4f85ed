"""The watchdog: every important thread must answer a probe, and systemd is notified while all of them do.

A probe passes through the same queue as the work of a thread, so only a thread that still works can answer it. A port answers
between two reads of its modem, also during a submission of minutes; the writer by an empty transaction, which does not touch
the disk; the HTTP server from its loop and one of its request threads.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Final

from gatewayd.daemon.service_manager import ServiceManager

log = logging.getLogger(__name__)

Probe = Callable[[Callable[[], None]], None]
"""Queues a function for a thread, which calls it in its turn."""

# Seconds between probes if systemd sets no timeout, and the number of probes within its timeout. A thread may be late for most
# of that time, for example while an SD card syncs for half a minute, but not for all of it.
_PROBE_S: Final = 20.0
_PROBES: Final = 6

_STATUS_S: Final = 5.0  # between updates of the status line


class Watchdog:
    """Call `look` at least every `every_s`, from one thread."""

    def __init__(
        self,
        manager: ServiceManager,
        probes: Callable[[], Mapping[str, Probe]],
        status_text: Callable[[], str],
    ) -> None:
        """`probes`: a probe per thread name now, for ports come and go; `status_text`: one line about the daemon."""
        self._manager = manager
        self._probes = probes
        self._threads: dict[str, _ProbedThread] = {}
        self._status_text = status_text
        self._probe_s = manager.watchdog_s / _PROBES or _PROBE_S
        self.every_s = min(_STATUS_S, self._probe_s)
        self._probe_at = 0.0
        self._missing: list[str] = []
        self._sent_status = ""

    def look(self) -> None:
        """Probe the threads if it is time, notify systemd if all have answered, and send a changed status line."""
        if not self._manager.listens:
            return
        now = monotonic()
        if now >= self._probe_at:
            self._probe_at = now + self._probe_s
            self._probe_all()
        status = self._status_text()
        if self._missing:
            status += f"; no answer from {', '.join(self._missing)}"
        if status != self._sent_status:
            self._manager.notify(f"STATUS={status}")
            self._sent_status = status

    def _probe_all(self) -> None:
        self._threads = {name: self._thread(name, probe) for name, probe in self._probes().items()}
        missing = [name for name, each in self._threads.items() if not each.answered()]
        for name in missing:
            if name not in self._missing:
                log.error("%s does not answer; if this continues, systemd restarts the service", name)
        self._missing = missing
        if not missing:
            self._manager.notify("WATCHDOG=1")

    def _thread(self, name: str, probe: Probe) -> _ProbedThread:
        known = self._threads.get(name)
        return known if known is not None and known.probe == probe else _ProbedThread(probe)


class _ProbedThread:
    """One thread, and its answer to the last probe."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self._answer = threading.Event()
        self._answer.set()

    def answered(self) -> bool:
        """True if the thread has answered; it is then probed again."""
        if not self._answer.is_set():
            return False
        self._answer.clear()
        self.probe(self._answer.set)
        return True
