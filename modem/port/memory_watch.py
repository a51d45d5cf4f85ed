"""Watches how full the memory for texts is, and decides when it is listed."""

from __future__ import annotations

import logging
from collections import deque
from time import monotonic
from typing import Final

from modem.port.conditions import Condition
from modem.port.connection import Connection

log = logging.getLogger(__name__)

# Share of the memory in use above which an operator should look: a full memory takes no text.
_NEARLY_FULL: Final = 0.8
# Share of the interval between two listings that must pass before a modem may ask for another.
_BETWEEN: Final = 1 / 30
_AT_ONCE: Final = 5  # listings in a row, each because more texts came during the last one
# When a memory that was full is looked at again after it was emptied, as shares of the interval between two listings:
# the network has more texts and sends them as soon as it learns that there is room (23.040, 10.3.3).
_AFTER_FULL: Final = (1 / 300, 1 / 150, 1 / 75, 1 / 30, 1 / 15)


class MemoryWatch:
    """The schedule of listings and the fill level of the memory of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._list_s = connection.timing.list_s
        self._list_at = 0.0
        self._listed_at = float("-inf")
        self._looks_after_full: deque[float] = deque()  # monotonic seconds
        self._left: int | None = (
            None  # messages that the last listing left in the usual memory; None: not known
        )
        self._at_once = 0
        self._nearly_full = False

    @property
    def due_at(self) -> float:
        """When the next listing or look is due, in monotonic seconds."""
        return min(self._list_at, self._looks_after_full[0] if self._looks_after_full else self._list_at)

    @property
    def listing_is_due(self) -> bool:
        """Whether the memory is to be listed now."""
        return monotonic() >= self._list_at

    def list_now(self) -> None:
        """List the whole memory at the next occasion."""
        self._list_at = 0.0

    def list_soon(self) -> None:
        """List the whole memory soon, but not again and again where that does not help."""
        self._list_at = min(self._list_at, self._listed_at + self._list_s * _BETWEEN)

    def list_after(self, at: float) -> None:
        """List the whole memory at `at`, in monotonic seconds: the gateway can store nothing before."""
        self._list_at = at

    def look(self) -> None:
        """Read how full the memory is, and list it soon if it holds messages that no listing left there."""
        filling = self._connection.modem.storage.filling()
        if filling is None:
            # The modem cannot be asked. A listing is as cheap where the last one left nothing.
            if not self._left:
                self._list_at = min(self._list_at, monotonic())
            return
        used, places = filling
        if used and used != self._left:
            self._list_at = min(self._list_at, monotonic())
        elif used <= places * _NEARLY_FULL:
            self._publish(used, places)

    def look_after_full(self) -> None:
        """Do the looks that are due after a full memory was emptied."""
        while self._looks_after_full and monotonic() >= self._looks_after_full[0]:
            self._looks_after_full.popleft()
            self.look()

    def begin_listing(self) -> None:
        """Note that a listing begins, and schedule the next."""
        self._listed_at = monotonic()
        self._list_at = self._listed_at + self._list_s

    def end_listing(self, *, left: int | None, made_room: int) -> None:
        """Note what a listing left, and warn if the memory fills up with messages that stay.

        `left`: messages in the usual memory, None where it could not be read. `made_room`: messages that were deleted.
        """
        self._left = left
        filling = self._connection.modem.storage.filling()
        if filling is None:
            return
        used, places = filling
        came = made_room and self._left is not None and used > self._left
        if self._left is not None and self._left + made_room >= places:
            now = monotonic()
            self._looks_after_full = deque(now + self._list_s * share for share in _AFTER_FULL if made_room)
        if came and self._at_once < _AT_ONCE:
            self._at_once += 1
            self._list_at = monotonic()
            return
        self._at_once = 0
        if self._left is not None:
            self._left = used
        if came:
            self.list_soon()
            return
        self._publish(used, places)

    def _publish(self, used: int, places: int) -> None:
        """Publish how full the memory is."""
        nearly_full = used > places * _NEARLY_FULL
        if nearly_full and not self._nearly_full:
            log.warning(
                "port %d: %d of %d places for texts stay taken by texts that cannot be deleted or were never received here:"
                " once all are taken, no text can arrive; empty the memory with the SIM in a telephone",
                self._connection.port,
                used,
                places,
            )
        self._nearly_full = nearly_full
        full = 0 < places <= used
        set_condition = self._connection.reporter.set_condition
        set_condition(Condition.MEMORY_FULL, present=full)
        set_condition(Condition.MEMORY_NEARLY_FULL, present=nearly_full and not full)
