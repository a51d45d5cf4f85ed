"""Runs each function that is given to the writer twice, and rolls the first run back.

A commit may fail and be tried again, so a function must not change memory. The tests of the daily work
(`tests/gatewayd/sending`, `loop_test`, `timekeeping`) always run so.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from gatewayd.store.engine.connection import Connection
from gatewayd.store.engine.writer import Writer
from tests.sqlite import sqlite

Work = Callable[[Connection], Any]


@contextmanager
def each_job_runs_twice() -> Iterator[None]:
    """Make every writer of this process run its functions twice while this lasts."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("run", "hand_over"):
            patch.setattr(Writer, name, _with_rehearsal(getattr(Writer, name)))
        yield


def _rehearsed(work: Work) -> Work:
    """The function, with a first run that is rolled back."""

    def run(db: Connection) -> Any:
        db.execute("SAVEPOINT rehearsal")
        with suppress(Exception):  # the second run raises it again
            work(db)
        if sqlite(db).in_transaction:  # some disk errors end the whole transaction
            db.execute("ROLLBACK TO rehearsal")
            db.execute("RELEASE rehearsal")
        return work(db)

    return run


def _with_rehearsal(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def give(writer: Writer, work: Work, *arguments: Any, **options: Any) -> Any:
        return method(writer, _rehearsed(work), *arguments, **options)

    return give
