"""Cancels of messages that no box has started."""

from __future__ import annotations

from collections.abc import Collection

from gatewayd.store import Transaction
from gatewayd.timekeeping.clock import Moment


def cancel(db: Transaction, message_ids: Collection[int], at: Moment) -> list[str]:
    """Cancel those of these messages that wait or are only claimed, or that are scheduled and not due; their sms_ids.

    A message stays that was started, of which a doubt was retried, or of which a part is known as sent. Sandbox messages are
    not cancelled here.
    """
    raise NotImplementedError
