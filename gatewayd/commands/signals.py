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
    found = signal.sigtimedwait(_STOP, within_s)
    # Where the process was frozen past the deadline and goes on (SIGCONT, a debugger, a suspended machine), Python
    # returns a record that no signal filled in.
    return found is not None and found.si_signo in _STOP
