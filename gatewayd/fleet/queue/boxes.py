"""The boxes: each joins and beats; one that was silent for long is rescued by another.

No wall clock counts. A box that looks compares (epoch, beat) of the others with what it saw before, on its own clock, and
says what it saw with each step of a rescue: the step changes nothing where the other box lived meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping

from gatewayd.fleet.queue.names import Box, Joined, Look
from gatewayd.store import Transaction


def join(
    db: Transaction,
    name: str,
    incarnation: str,
    *,
    version: str,
    submit_timeout_s: float,
    acknowledged: int,
    journal: int,
    last_message_id: int,
) -> Joined:
    """Take a new epoch. From its commit on nothing that was asked under an older one can change anything any more.

    `acknowledged`, `journal`, `last_message_id`: the highest that this box was told or told, of this incarnation. Where PostgreSQL
    knows less, it was restored: then the fleet is set to `recovering`, and ids of messages go on far above those that were given.
    Raises LookupError where there is no such member.
    """
    raise NotImplementedError


def look(
    db: Transaction, box: Box, *, beat: bool, journal: int | None = None, passed_over: int = 0
) -> Look | None:
    """Look at everything in one statement; None: the epoch is old. With `beat`, tell that the box lives.

    `journal`: the state of its journal, which is kept. `passed_over`: messages up to this id that wait need not be told.
    """
    raise NotImplementedError


def rescue(db: Transaction, name: str, epoch: int, beat: int) -> bool:
    """Declare a box dead that showed this epoch and beat for long. False: it does not show them any more."""
    raise NotImplementedError


def settle_rescued(db: Transaction) -> int:
    """Let all claimed messages wait again whose epoch is not the present one of their box; their number.

    Any box asks this after a rescue, and each minute.
    """
    raise NotImplementedError


def doubt_rescued(db: Transaction, name: str, epoch: int, beat: int) -> list[int]:
    """Put the started messages of a dead box in doubt, which nobody told. Nothing where it shows another epoch or beat.

    `epoch`: the one that the rescue gave. The rescuer waited for the dead box's `submit_timeout_s` and more since then.
    """
    raise NotImplementedError


def retire(db: Transaction, name: str, state: str) -> bool:
    """Take a box out of the fleet, as `left` or `excluded`: it gets a new epoch. False: it was no member."""
    raise NotImplementedError


def notify(db: Transaction, names: list[str]) -> None:
    """Wake boxes when this transaction is committed, once each."""
    raise NotImplementedError


def number_of(db: Transaction, name: str) -> int | None:
    """The number of a box; None: there is none with this name."""
    raise NotImplementedError


Seen = Mapping[str, tuple[int, int]]
"""Epoch and beat by the name of a box."""
