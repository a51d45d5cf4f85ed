"""Parts that are known as sent decide: the rule that is looked at after each append, and when a message waits or is in doubt.

A message is sent when one SIM sent every part of it, whoever told that, and whenever. One of which a SIM sent some parts waits for
that SIM. All functions need the rows of the queue to be held by the transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from gatewayd.fleet.queue import endings, moves
from gatewayd.fleet.queue.changes import Changes
from gatewayd.fleet.queue.endings import End
from gatewayd.fleet.queue.sets import columns
from gatewayd.messages.reasons import IN_DOUBT, Reason
from gatewayd.store import Transaction
from gatewayd.timekeeping.clock import Calendar, Moment

_KNOWN = """
    SELECT q.message_id, q.state, q.sim_id AS planned, q.bound_sim, q.parts, s.sim_id, s.sent, s.last
    FROM queue q JOIN (
        SELECT message_id, sim_id, count(*) AS sent, max(sent_at) AS last
        FROM sent_parts WHERE message_id = ANY(?::bigint[]) GROUP BY message_id, sim_id
    ) s ON s.message_id = q.message_id
    ORDER BY q.message_id, s.sent DESC, s.last, s.sim_id
"""

_TO_WAITING = """
    UPDATE queue SET state = 'waiting', box = NULL, epoch = NULL, incarnation = NULL, told = 0, returned = 1,
        retried = retried + ?
    WHERE message_id = ANY(?::bigint[]) RETURNING sim_id
"""
_NO_LONGER_IN_DOUBT = """
    UPDATE parts SET state = 'queued', held = 0 WHERE message_id = ANY(?::bigint[]) AND state = 'in_doubt'
"""
_WAITS_FOR_NOTHING = """
    UPDATE messages SET failure_reason = NULL WHERE id = ANY(?::bigint[]) AND status = 'pending' AND failure_reason IS NOT NULL
"""
# A bound message is `returned`, for the lanes are read by the boxes that help too. One may never have been claimed: PostgreSQL was
# restored to the state before its claim.
_BIND = """
    UPDATE queue q SET bound_sim = e.sim_id, sim_id = e.sim_id, returned = 1
    FROM unnest(?::bigint[], ?::bigint[]) AS e (message_id, sim_id) WHERE q.message_id = e.message_id
"""
_COUNT_UNSENT = """
    UPDATE messages m SET unsent = m.parts - s.sent
    FROM (SELECT message_id, count(DISTINCT seq) AS sent FROM sent_parts
          WHERE message_id = ANY(?::bigint[]) GROUP BY message_id) s
    WHERE m.id = s.message_id AND m.status = 'pending' AND m.unsent <> m.parts - s.sent
"""
_DOUBT = "UPDATE queue SET state = 'in_doubt', told = 0 WHERE message_id = ANY(?::bigint[])"
_DOUBT_PARTS = """
    UPDATE parts p SET state = 'in_doubt' WHERE p.message_id = ANY(?::bigint[]) AND p.state = 'queued' AND NOT EXISTS
        (SELECT 1 FROM sent_parts s WHERE s.message_id = p.message_id AND s.seq = p.seq)
"""


@dataclass(frozen=True, slots=True)
class Known:
    """A message of the queue of which parts are known as sent, and by which SIM: the one that sent the most."""

    message_id: int
    state: str
    planned: int
    bound_sim: int | None
    parts: int
    by_sim: Mapping[int, int]  # how many parts each SIM sent, the most first
    last: int  # when the first of these SIMs sent its last part

    @property
    def complete_by(self) -> int | None:
        """The SIM that sent every part; None: none did."""
        sim_id, sent = next(iter(self.by_sim.items()))
        return sim_id if sent >= self.parts else None


def known(db: Transaction, message_ids: Collection[int]) -> list[Known]:
    """The parts that are known as sent, of messages in the queue; a message without any is missing."""
    found: dict[int, Known] = {}
    for row in db.execute(_KNOWN, (sorted(message_ids),)):
        before = found.get(row["message_id"])
        by_sim = (
            {row["sim_id"]: row["sent"]} if before is None else {**before.by_sim, row["sim_id"]: row["sent"]}
        )
        found[row["message_id"]] = Known(
            row["message_id"],
            row["state"],
            row["planned"],
            row["bound_sim"],
            row["parts"],
            by_sim,
            row["last"] if before is None else before.last,
        )
    return list(found.values())


def settle(
    db: Transaction,
    message_ids: Collection[int],
    at: Moment,
    calendar: Calendar,
    changes: Changes,
    *,
    finish_started: Collection[int] = (),
    restored: bool = False,
) -> set[int]:
    """Apply the rule to messages that wait, are claimed or in doubt; those that are sent now.

    `finish_started`: also to these, which their own box started and now tells about. `restored`: to all, because PostgreSQL was
    restored: a box that started one then may have let it go since.
    """
    if not message_ids:
        return set()
    complete: dict[int, Known] = {}
    bound: dict[int, int] = {}
    taken_away: list[int] = []
    for each in known(db, message_ids):
        if each.state == "started" and not restored and each.message_id not in finish_started:
            continue
        taken = each.state == "claimed" or (restored and each.state == "started")
        if each.complete_by is not None:
            complete[each.message_id] = each
        elif each.state == "waiting" or (taken and each.planned not in each.by_sim):
            sim_id = each.planned if each.planned in each.by_sim else next(iter(each.by_sim))
            if each.bound_sim != sim_id or each.planned != sim_id:
                bound[each.message_id] = sim_id
            if taken:
                taken_away.append(each.message_id)
    if taken_away:
        db.execute(_TO_WAITING, (0, taken_away))
    if bound:
        db.execute(_BIND, columns(sorted(bound.items()), 2))
        moves.assign(db, bound, at, changes)
        changes.wake_sims.update(bound.values())
    if complete:
        sims = {message_id: one.complete_by for message_id, one in complete.items() if one.complete_by}
        moves.assign(db, sims, at, changes)
        ends = [End(one.message_id, one.last) for one in complete.values()]
        endings.sent(db, ends, calendar, changes)
    return set(complete)


def count_unsent(db: Transaction, message_ids: Collection[int]) -> None:
    """Count the parts of pending messages that no SIM is known to have sent."""
    if message_ids:
        db.execute(_COUNT_UNSENT, (sorted(message_ids),))


def to_waiting(
    db: Transaction,
    message_ids: Collection[int],
    at: Moment,
    calendar: Calendar,
    changes: Changes,
    *,
    retried: bool = False,
    from_doubt: bool = False,
) -> set[int]:
    """Let messages wait again, whatever state their rows have; those that are sent instead, because all parts were.

    `retried`: because a doubt was; `from_doubt`: they may have been in doubt.
    """
    if not message_ids:
        return set()
    ids = sorted(message_ids)
    if from_doubt:
        db.execute(_NO_LONGER_IN_DOUBT, (ids,))
        db.execute(_WAITS_FOR_NOTHING, (ids,))
    planned = {row[0] for row in db.execute(_TO_WAITING, (int(retried), ids))}
    changes.wake_sims |= planned
    return settle(db, ids, at, calendar, changes)


def doubt(
    db: Transaction,
    message_ids: Sequence[int],
    at: Moment,
    calendar: Calendar,
    changes: Changes,
    *,
    reason: Reason = IN_DOUBT,
) -> None:
    """Put messages in doubt that a box has, whose rows are held, and of which no journal tells."""
    if not message_ids:
        return
    ids = list(message_ids)
    db.execute(_DOUBT, (ids,))
    sent = settle(db, ids, at, calendar, changes)
    doubtful = [each for each in ids if each not in sent]
    db.execute(_DOUBT_PARTS, (doubtful,))
    endings.in_doubt(db, doubtful, reason.text, at.now, changes)
