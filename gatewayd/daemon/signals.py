"""SIGTERM, SIGINT and SIGHUP: taken by the main thread when it looks, so that no handler runs in the middle of anything."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stop_signals_held() -> Iterator[None]:
    """Keep them for `stop_asked` while this lasts. Before any thread is started: threads inherit it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _stop_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def stop_asked(within_s: float) -> bool:
    """Whether one of them comes within this time."""
    stop = _stop_signals()
    found = signal.sigtimedwait(stop, within_s)
    # Where the process was frozen past the deadline and goes on (SIGCONT, a debugger, a suspended machine), Python
    # returns a record that no signal filled in.
    return found is not None and found.si_signo in stop


def _stop_signals() -> tuple[signal.Signals, ...]:
    """SIGHUP comes when a terminal goes away, and not to a program that was started with nohup(1), which ignores it.

    It must be left out then: the kernel keeps a signal that is blocked though it is ignored.
    """
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        return (signal.SIGTERM, signal.SIGINT)
    return (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
