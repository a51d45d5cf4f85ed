"""SIGTERM, SIGINT and SIGHUP: the main thread polls for them, so no signal handler interrupts other code."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stop_signals_held() -> Iterator[None]:
    """Block the stop signals, for `stop_asked`. Enter this before threads start: they inherit the mask."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _stop_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def stop_asked(within_s: float) -> bool:
    """Wait for a stop signal; True if one arrived in time."""
    stop = _stop_signals()
    found = signal.sigtimedwait(stop, within_s)
    # If the process was stopped past the deadline and continues (SIGCONT, a debugger, a suspended machine), Python returns
    # a record without a signal.
    return found is not None and found.si_signo in stop


def _stop_signals() -> tuple[signal.Signals, ...]:
    """The signals that stop the process. SIGHUP is one of them unless nohup(1) made the process ignore it.

    An ignored SIGHUP must not be blocked: the kernel would keep it pending, and `stop_asked` would return it.
    """
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        return (signal.SIGTERM, signal.SIGINT)
    return (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
