"""SIGTERM and SIGINT: taken by the main thread when it looks, so that no handler runs in the middle of anything."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

_STOP = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_signals_held() -> Iterator[None]:
    """Keep them for `stop_asked` while this lasts. Before any thread is started: threads inherit it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def stop_asked(within_s: float) -> bool:
    """Whether one of them comes within this time."""
    return signal.sigtimedwait(_STOP, within_s) is not None
