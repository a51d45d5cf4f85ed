"""The duties of one box for all: webhooks, deletions and counts, scheduled and expired messages, the sandbox.

A box has a duty while its name and epoch are in the row of the duty, and its lease is good. A box that died loses its epoch, so
another box takes its duties. Each transaction of a duty holds its row, so a box that was slow cannot write after it lost the
duty; a webhook may get an event twice where its box dies between the answer and the note, as it may from a box alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final, Protocol, TypeVar

from gatewayd.fleet import tables
from gatewayd.fleet.member import Member
from gatewayd.fleet.queue.names import Box
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.engine.writer import COMMIT_TIMEOUT_S
from gatewayd.store.interfaces import AnyStore, Lender

log = logging.getLogger(__name__)

T = TypeVar("T")

_STOP_S: Final = 1.0


class Work(Protocol):
    """The work of a duty, made anew each time that this box takes it."""

    def start(self) -> None:
        """Begin. Raises StoreUnavailableError."""

    def look(self) -> None:
        """Called every 2 s, and after changes at this box: something may be due."""

    def stop(self, timeout_s: float) -> None:
        """End within `timeout_s`."""


class DutyData:
    """The shared data for the work of one duty: it writes only while this box has the duty."""

    def __init__(self, shared: AnyStore, name: str, box: Box, is_open: Callable[[], bool]) -> None:
        self._shared = shared
        self._name = name
        self._box = box
        self._is_open = is_open
        self._followers: list[Callable[[], None]] = []

    @property
    def readers(self) -> Lender:
        """For short reads."""
        return self._shared.readers

    @property
    def lists(self) -> Lender:
        """For reads that may take long."""
        return self._shared.lists

    def write(
        self,
        work: Callable[[Transaction], T],
        timeout_s: float = COMMIT_TIMEOUT_S,
        *,
        then: Callable[[T], None] | None = None,
    ) -> T:
        """See `AnyStore.write`. Raises StoreUnavailableError where this box does not have the duty any more."""
        return self._shared.write(lambda db: self._checked(db, work), timeout_s, then=then)

    def take(self, work: Callable[[Transaction], T], *, then: Callable[[T], None] | None = None) -> T:
        """See `AnyStore.take`. Raises as `write`."""
        return self._shared.take(lambda db: self._checked(db, work), then=then)

    def follow_events(self, told: Callable[[], None]) -> None:
        """Call `told` after new events, while the duty lasts."""
        self._followers.append(told)

    def tell_of_events(self) -> None:
        """There are new events."""
        for told in self._followers:
            told()

    def _checked(self, db: Transaction, work: Callable[[Transaction], T]) -> T:
        if not self._is_open() or not tables.has_duty(db, self._name, self._box):
            raise StoreUnavailableError
        return work(db)


Maker = Callable[[DutyData], Work]
"""Makes the work of a duty."""


class _Held:
    """A duty that this box has."""

    def __init__(self, box: Box, data: DutyData, work: Work) -> None:
        self.box = box
        self.data = data
        self.work = work


class Duties:
    """Takes and leaves duties. One thread calls all methods but `look` and `tell_of_events`, which any thread may call."""

    def __init__(self, shared: AnyStore, member: Member, makers: Mapping[str, Maker]) -> None:
        """`shared` never lends a copy of this box."""
        self._shared = shared
        self._member = member
        self._makers = makers
        self._held: Mapping[str, _Held] = {}  # replaced as a whole

    def check(self) -> None:
        """Take the duties that no living box has; stop the work of those that this box has lost. Raises StoreUnavailableError."""
        box = self._member.box() if self._member.is_open() else None
        for name, held in list(self._held.items()):
            if held.box != box:
                self._leave(name)
        if box is None:
            return
        mine = self._shared.write(lambda db: tables.take_duties(db, self._makers.keys(), box))
        for name in [name for name in self._held if name not in mine]:
            self._leave(name)
        for name in sorted(mine - self._held.keys()):
            self._begin(name, box)

    def away(self) -> None:
        """PostgreSQL does not answer: work goes on only while the lease is good."""
        if not self._member.is_open():
            for name in list(self._held):
                self._leave(name)

    def look(self, *names: str) -> None:
        """Something may be due for these duties, where this box has them; without names: for all."""
        for name, held in self._held.items():
            if not names or name in names:
                held.work.look()

    def has(self, name: str) -> bool:
        """Whether this box has a duty now."""
        return name in self._held

    def work_of(self, name: str) -> Work | None:
        """The work of a duty; None: this box does not have it."""
        held = self._held.get(name)
        return None if held is None else held.work

    def tell_of_events(self) -> None:
        """There are new events."""
        for held in self._held.values():
            held.data.tell_of_events()

    def stop(self) -> None:
        """Stop all work, and leave the duties to other boxes where that is possible."""
        boxes = {held.box for held in self._held.values()}
        names = list(self._held)
        for name in names:
            self._leave(name)
        for box in boxes:
            try:
                self._shared.write(lambda db, box=box: tables.give_up_duties(db, names, box))  # type: ignore[misc]
            except StoreUnavailableError as error:
                log.debug("the duties are left to others when this box is found gone: %s", error)

    def _begin(self, name: str, box: Box) -> None:
        def is_open() -> bool:
            return self._member.is_open() and self._member.box() == box

        data = DutyData(self._shared, name, box, is_open)
        work = self._makers[name](data)
        work.start()
        self._held = {**self._held, name: _Held(box, data, work)}
        log.info("this box now does the duty `%s` for the fleet", name)

    def _leave(self, name: str) -> None:
        held = self._held[name]
        self._held = {other: each for other, each in self._held.items() if other != name}
        held.work.stop(_STOP_S)
        log.info("this box no longer does the duty `%s`", name)
