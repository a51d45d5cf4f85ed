"""Runs each function that is given to the writer twice, and rolls the first run back.

    python -m pytest -p tests.gatewayd.store.twice tests/gatewayd/sending/test_dispatcher.py

A commit may fail and be tried again, so a function must not change memory. With this plugin any test may find such a change.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from gatewayd.store.engine.connection import Connection
from gatewayd.store.engine.writer import Writer

Work = Callable[[Connection], Any]


def rehearsed(work: Work) -> Work:
    """The function, with a first run that is rolled back."""


def _rehearsed(work: Work) -> Work:
    def run(db: Connection) -> Any:
        db.execute("SAVEPOINT rehearsal")
        with suppress(Exception):  # the second run raises it again
            work(db)
        if db.in_transaction:  # some disk errors end the whole transaction
            db.execute("ROLLBACK TO rehearsal")
            db.execute("RELEASE rehearsal")
        return work(db)

    return run


def pytest_configure() -> None:
    """Make every writer of this process run its functions twice."""
    for name in ("run", "hand_over"):
        setattr(Writer, name, _rehearsing(getattr(Writer, name)))


def _rehearsing(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def give(writer: Writer, work: Work, *arguments: Any, **options: Any) -> Any:
        return method(writer, _rehearsed(work), *arguments, **options)

    return give
