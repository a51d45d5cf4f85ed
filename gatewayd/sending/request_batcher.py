"""Work for the writer that comes at the same time, done in one go: what it costs each time is paid once for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.store import Store

In = TypeVar("In")
Out = TypeVar("Out")


class _Group(Generic[In, Out]):
    """Those whose work is done in one go."""

    def __init__(self) -> None:
        self.items: list[In] = []
        self.done: Future[list[Out]] | None = None  # for those who join the first: mostly nobody does


class RequestBatcher(Generic[In, Out]):
    """Hands work to the writer as `Store.take` does. Who comes while nobody's waits to be begun hands over a job; whoever
    comes until that begins is done with it. `work` is given them all, in the order in which they came, and answers as many.
    """

    def __init__(self, store: Store, work: Callable[[Transaction, Sequence[In]], Sequence[Out]]) -> None:
        self._store = store
        self._work = work
        self._lock = Lock()
        self._open: _Group[In, Out] | None = None  # its job has not begun

    def do(self, item: In) -> Out:
        """Have an item worked on; what became of it, once that is durable.

        Raises what `work` raises for it alone, and as `Store.take`.
        """
        with self._lock:
            first = self._open is None
            group = self._open = self._open or _Group()
            place = len(group.items)
            group.items.append(item)
            done = None if first else group.done or Future()
            group.done = done
        try:
            # The first waits a bounded time, and tells the others.
            return (self._lead(group) if done is None else done.result())[place]
        except StoreUnavailableError:
            raise
        except Exception:
            if len(group.items) == 1:
                raise
            return self._store.take(lambda db: self._work(db, [item]))[0]  # it may be another's fault

    def _lead(self, group: _Group[In, Out]) -> list[Out]:
        try:
            done = self._store.take(lambda db: self._begin(db, group))
        except BaseException as error:
            self._close(group)
            if group.done is not None:  # closed: nobody joins any more
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
