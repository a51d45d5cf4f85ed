"""Releases: a box gives back messages of which it handed nothing over, or that it can send no further."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gatewayd.fleet.queue import boxes, settling
from gatewayd.fleet.queue.changes import Changes
from gatewayd.fleet.queue.names import Box, ListedRow
from gatewayd.fleet.queue.sets import plan_by_index
from gatewayd.fleet.queue.starts import listed
from gatewayd.store import Transaction
from gatewayd.timekeeping.clock import Calendar, Moment

_HOLD = """
    SELECT q.message_id, q.state FROM queue q
    JOIN unnest(:ids::bigint[], :states::text[], :epochs::bigint[]) AS l (message_id, state, epoch)
        ON l.message_id = q.message_id AND l.state = q.state AND l.epoch = q.epoch
    WHERE q.box = :box AND {}
    ORDER BY q.message_id FOR UPDATE OF q
"""
_HOLD_ITS_OWN = _HOLD.format("(q.state = 'claimed' OR q.incarnation = :incarnation)")
_HOLD_OTHERS = _HOLD.format("q.state = 'started' AND q.incarnation <> :incarnation")


def release(db: Transaction, box: Box, rows: Sequence[ListedRow], at: Moment, calendar: Calendar) -> set[int]:
    """Let messages wait again that are as this box listed them; the others have changed and are left alone.

    The box dropped them from its journal before, durably, and its outcomes of them were uploaded before. One of which a SIM sent a
    part waits for that SIM; one that was sent as a whole is sent (it is in the answer too). A started one, or one in doubt, is
    released only by the incarnation that started it. An old epoch does not matter: only the row's does.
    """
    if not rows:
        return set()
    plan_by_index(db)
    states = dict(db.execute(_HOLD_ITS_OWN, _values(box, rows)).fetchall())
    changes = Changes()
    in_doubt = any(state == "in_doubt" for state in states.values())
    settling.to_waiting(db, states, at, calendar, changes, from_doubt=in_doubt)
    changes.write(db)
    if states:  # any other box may send what this one could not
        boxes.wake_all(db, but=box.name)
    return set(states)


def lose(db: Transaction, box: Box, rows: Sequence[ListedRow], at: Moment, calendar: Calendar) -> set[int]:
    """Put started messages in doubt that an earlier incarnation of this box started: its journal is gone, so nobody can tell.

    Those that did so; one that is known as sent is sent instead (it is in the answer too).
    """
    if not rows:
        return set()
    plan_by_index(db)
    held = [row[0] for row in db.execute(_HOLD_OTHERS, _values(box, rows))]
    changes = Changes()
    settling.doubt(db, held, at, calendar, changes)
    changes.write(db)
    return set(held)


def _values(box: Box, rows: Sequence[ListedRow]) -> Mapping[str, Any]:
    return {**listed(rows), "box": box.name, "incarnation": box.incarnation}
