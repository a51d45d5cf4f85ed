"""Turns: how companies and priorities share a SIM.

Within a priority class each company sends one message, then the next company does. A higher class goes first, but a class
that waits is passed over at most so often that it gets one part in twenty. The turns of a SIM are kept in memory only: a
restart begins a new round.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum


class SendClass(IntEnum):
    """The classes of messages that share a SIM by turns: the lower number is sent first."""

    OTP = 0
    NORMAL = 1
    OLD = 2  # messages that waited through an outage (see `gatewayd.sending.outage_backlog`)
    BULK = 3


# Twenty parts less one part each for the three classes that may be due together.
PASSED_OVER_AT_MOST = 20 - (len(SendClass) - 1)


@dataclass(frozen=True, slots=True)
class Turns:
    """The turns of one SIM. `last`: the company that sent last; `message`: the message of which parts are left."""

    last: Mapping[SendClass, int] = field(default_factory=dict)
    message: Mapping[SendClass, int] = field(default_factory=dict)
    passed_over: Mapping[SendClass, int] = field(default_factory=dict)

    def order(self, waiting: Iterable[SendClass]) -> list[SendClass]:
        """The waiting classes in the order in which a part is looked for."""
        return sorted(waiting, key=self._rank)

    def companies(self, send_class: SendClass, waiting: Collection[int]) -> list[int]:
        """The waiting companies of a class in the order of their turns."""
        last = self.last.get(send_class, -1)
        return sorted(waiting, key=lambda company: (company <= last, company))

    def after(
        self, send_class: SendClass, company: int, message: int | None, passed_over: Collection[SendClass]
    ) -> Turns:
        """The turns after a part was claimed. `message`: its message, if more parts of it wait in the queue."""
        left = {each: one for each, one in self.message.items() if each != send_class}
        if message is not None:
            left[send_class] = message
        counts = {each: self.passed_over.get(each, 0) + 1 for each in passed_over if each != send_class}
        return replace(self, last={**self.last, send_class: company}, message=left, passed_over=counts)

    def _rank(self, send_class: SendClass) -> tuple[int, int]:
        passed_over = self.passed_over.get(send_class, 0)
        return (-passed_over if passed_over >= PASSED_OVER_AT_MOST else 0, send_class)


class CompanyTurns:
    """The turns of all SIMs. Any thread may call any method."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: dict[int, Turns] = {}

    def of(self, sim_id: int) -> Turns:
        """The turns of a SIM."""
        with self._lock:
            return self._turns.get(sim_id, Turns())

    def keep(self, sim_id: int, turns: Turns) -> None:
        """A SIM claimed a part, and its transaction is durable."""
        with self._lock:
            self._turns[sim_id] = turns
