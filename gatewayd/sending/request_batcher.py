"""Runs requests that arrive at the same time in one transaction, so that they share its fixed cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.interfaces import AnyStore

In = TypeVar("In")
Out = TypeVar("Out")


class _Group(Generic[In, Out]):
    """Requests that run in the same transaction."""

    def __init__(self) -> None:
        self.items: list[In] = []
        self.done: Future[list[Out]] | None = None  # for requests after the first; mostly there are none


class RequestBatcher(Generic[In, Out]):
    """Groups requests into jobs for the writer, as `Store.take`.

    The first request of a group queues a job; requests that arrive before the job begins join it. `work` gets all requests
    of a group in order of arrival, and returns one result for each.
    """

    def __init__(self, store: AnyStore, work: Callable[[Transaction, Sequence[In]], Sequence[Out]]) -> None:
        self._store = store
        self._work = work
        self._lock = Lock()
        self._open: _Group[In, Out] | None = None  # a group whose job has not begun

    def do(self, item: In) -> Out:
        """The result of `work` for one item, once it is durable.

        Raises the error of `work` for this item alone, and as `Store.take`.
        """
        with self._lock:
            first = self._open is None
            group = self._open = self._open or _Group()
            place = len(group.items)
            group.items.append(item)
            done = None if first else group.done or Future()
            group.done = done
        try:
            # The first request waits for the job, for a bounded time, and passes the results to the others.
            return (self._lead(group) if done is None else done.result())[place]
        except StoreUnavailableError:
            raise
        except Exception:
            if len(group.items) == 1:
                raise
            return self._store.take(lambda db: self._work(db, [item]))[
                0
            ]  # another item may have caused the error

    def _lead(self, group: _Group[In, Out]) -> list[Out]:
        try:
            done = self._store.take(lambda db: self._begin(db, group))
        except BaseException as error:
            self._close(group)
            if group.done is not None:  # the group is closed: no request joins any more
                group.done.set_exception(error)
            raise
        if group.done is not None:
            group.done.set_result(done)
        return done

    def _begin(self, db: Transaction, group: _Group[In, Out]) -> list[Out]:
        self._close(group)
        return list(self._work(db, group.items))

    def _close(self, group: _Group[In, Out]) -> None:
        with self._lock:
            if self._open is group:
                self._open = None
