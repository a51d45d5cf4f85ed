"""The interfaces through which a queue outside of this box takes part in sending; without one, the defaults here apply."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Protocol

from gatewayd.messages.effects import Effects
from gatewayd.store import Transaction
from gatewayd.store.tables.messages import Message
from gatewayd.timekeeping.clock import Moment
from modem.parts import always
from modem.sms.tpdu import StatusReport


class MessageSource(Protocol):
    """Where messages come from, and where one goes that a SIM of this box cannot send."""

    def is_shared(self, db: Transaction, message_id: int) -> bool:
        """Whether a message belongs to that queue: its SIM and what becomes of a doubt are then decided there.

        Runs within a transaction.
        """

    def hand_back(
        self, db: Transaction, message: Message, refused_by: Collection[int], at: Moment, effects: Effects
    ) -> bool:
        """Give a shared message of which no part was handed over back, if another SIM than these may send it.

        True: it has left the queue of this box. Runs within a transaction.
        """


class SubmissionPermit(Protocol):
    """Whether this box may hand parts to modems."""

    def is_open(self) -> bool:
        """Whether parts may be claimed now. Any thread may call it; it never waits."""

    def for_message(self, db: Transaction, message_id: int) -> Callable[[], bool] | None:
        """The check that is made immediately before the PDU of a part is written; None: the part may not be claimed.

        Runs within a transaction. The check is called by the thread of a port and never waits. A part that may not be claimed
        is taken out of the queue, until the source of its message starts it again.
        """


class OutcomeSink(Protocol):
    """Takes what belongs to no part of this box. The changes of its own parts it reads from the store."""

    def unmatched(self, db: Transaction, sim_id: int, report: StatusReport, at: Moment) -> None:
        """Take a status report that fits no part of this box. Runs within a transaction."""


@dataclass(frozen=True, slots=True)
class Outside:
    """The interfaces to a queue outside of this box."""

    source: MessageSource
    permit: SubmissionPermit
    sink: OutcomeSink


class OwnQueue:
    """A box that sends only its own messages: each may be sent at any time, by its own SIMs."""

    def is_shared(self, db: Transaction, message_id: int) -> bool:
        """All messages are its own."""
        return False

    def hand_back(
        self, db: Transaction, message: Message, refused_by: Collection[int], at: Moment, effects: Effects
    ) -> bool:
        """No other box may send it."""
        return False

    def is_open(self) -> bool:
        """Parts may always be claimed."""
        return True

    def for_message(self, db: Transaction, message_id: int) -> Callable[[], bool]:
        """Each part may be sent."""
        return always

    def unmatched(self, db: Transaction, sim_id: int, report: StatusReport, at: Moment) -> None:
        """A report that fits no part says nothing."""


_OWN: Final = OwnQueue()

NOTHING_OUTSIDE: Final = Outside(_OWN, _OWN, _OWN)
"""The interfaces of a box that sends only its own messages."""
