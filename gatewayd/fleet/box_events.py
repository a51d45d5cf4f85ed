"""Events of this box (its ports, SIMs, disk and clock), told to the fleet: who reads events at another box sees them too."""

from __future__ import annotations

from functools import partial
from typing import Final

from gatewayd.fleet.member import Member
from gatewayd.store import Transaction
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.tables import box_events, event_eras

_AT_ONCE: Final = 100


class BoxEvents:
    """Copies them in their order, each once. One thread uses it."""

    def __init__(self, shared: AnyStore, local: AnyStore, member: Member) -> None:
        self._shared = shared
        self._local = local
        self._member = member
        self._place: tuple[str, int] | None = (
            None  # the era of the store of this box, and the last event that was told
        )

    def tell(self) -> None:
        """Tell what is new. Raises StoreUnavailableError."""
        with self._local.readers.lend() as db:
            restored, newest = event_eras.read(db).restored, box_events.newest(db)
        if self._place == (restored, newest):
            return
        name = self._member.name
        told = self._shared.write(lambda db: box_events.told_up_to(db, name, restored, newest))
        while told < newest:
            with self._local.readers.lend() as db:
                some = box_events.after(db, told, _AT_ONCE)
            up_to = some[-1].number if len(some) == _AT_ONCE else newest
            told = self._shared.write(partial(_tell, some, name, restored, up_to))
        self._place = (restored, newest)


def _tell(some: list[box_events.BoxEvent], name: str, restored: str, up_to: int, db: Transaction) -> int:
    box_events.tell(db, some, name, restored, up_to)
    return up_to
