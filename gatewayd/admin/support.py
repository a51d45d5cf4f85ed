"""What only the daemon can tell an engineer far away, for `gatewayd support`."""

from __future__ import annotations

from time import monotonic

from gatewayd.admin.context import Context
from gatewayd.store import integrity
from modem.at.transcript import Watcher

# A port passes on what it keeps at once; one that does not within this is not waited for.
_TELLS_S = 1.0
_ENDS_S = 0.1
_ALL_S = 10.0


def transcripts(context: Context) -> dict[str, list[str]]:
    """What each port keeps of its conversation, masked, by its number."""
    ports = context.running().ports
    watchers = {number: Watcher() for number in ports}
    deadline = monotonic() + _ALL_S
    try:
        for number, watcher in watchers.items():
            ports[number].watch(watcher)
        return {str(number): _kept(watcher, deadline) for number, watcher in sorted(watchers.items())}
    finally:
        for number, watcher in watchers.items():
            ports[number].leave(watcher)


def counts(context: Context) -> dict[str, object]:
    """What became of the newest messages: no number, no text."""
    with context.store.readers.lend() as db:
        return integrity.counts(db)


def _kept(watcher: Watcher, deadline: float) -> list[str]:
    kept: list[str] = []
    wait_s = _TELLS_S
    while True:
        lines, more = watcher.take(max(0.0, min(wait_s, deadline - monotonic())))
        kept += map(str, lines)
        if not lines or not more:
            return kept
        wait_s = _ENDS_S
