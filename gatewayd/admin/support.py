"""The parts of `gatewayd support` that only the daemon knows."""

from __future__ import annotations

from time import monotonic

from gatewayd.admin.context import Context
from gatewayd.store import inspection
from modem.at.transcript import Watcher

# A port hands over its transcript at once. One that needs longer is skipped.
_FIRST_LINE_S = 1.0
_NEXT_LINE_S = 0.1
_ALL_PORTS_S = 10.0


def transcripts(context: Context) -> dict[str, list[str]]:
    """Return the masked transcript of each port, by port number."""
    ports = dict(context.running().ports.items())  # of one moment
    watchers = {number: Watcher() for number in ports}
    deadline = monotonic() + _ALL_PORTS_S
    try:
        for number, watcher in watchers.items():
            ports[number].watch(watcher)
        return {str(number): _lines(watcher, deadline) for number, watcher in sorted(watchers.items())}
    finally:
        for number, watcher in watchers.items():
            ports[number].leave(watcher)


def counts(context: Context) -> dict[str, object]:
    """Count the outcomes of the newest messages, without numbers and texts."""
    with context.store.readers.lend() as db:
        return inspection.counts(db)


def _lines(watcher: Watcher, deadline: float) -> list[str]:
    collected: list[str] = []
    wait_s = _FIRST_LINE_S
    while True:
        lines, more = watcher.take(max(0.0, min(wait_s, deadline - monotonic())))
        collected += map(str, lines)
        if not lines or not more:
            return collected
        wait_s = _NEXT_LINE_S
