"""Releases: a box gives back messages of which it handed nothing over, or that it can send no further."""

from __future__ import annotations

from collections.abc import Sequence

from gatewayd.fleet.queue.names import Box, ListedRow
from gatewayd.store import Transaction


def release(db: Transaction, box: Box, rows: Sequence[ListedRow]) -> set[int]:
    """Let messages wait again that are as this box listed them; the others have changed and are left alone.

    The box dropped them from its journal before, durably. Its outcomes of them were uploaded before. One of which a SIM sent a
    part waits for that SIM; one that was sent as a whole is sent (it is in the answer too). A started one, or one in doubt, is
    released only by the incarnation that started it.
    """
    raise NotImplementedError


def lost(db: Transaction, box: Box, rows: Sequence[ListedRow]) -> set[int]:
    """Put started messages in doubt that an earlier incarnation of this box started: its journal is gone, so nobody can tell."""
    raise NotImplementedError
