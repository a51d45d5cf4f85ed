"""SIGTERM and SIGINT: taken by the main thread when it looks, so that no handler runs in the middle of anything."""

from __future__ import annotations

import signal

_STOP = (signal.SIGTERM, signal.SIGINT)


def block_stop_signals() -> None:
    """Keep them for `stop_asked`. Before any thread is started: threads inherit it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)


def stop_asked(within_s: float) -> bool:
    """Whether one of them comes within this time."""
    return signal.sigtimedwait(_STOP, within_s) is not None
