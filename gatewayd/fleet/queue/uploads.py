"""Uploads: what happened to the messages of a box, from its journal, in the order in which it happened."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from gatewayd.fleet.postgres.errors import PostgresFaultError
from gatewayd.fleet.queue import news
from gatewayd.fleet.queue.changes import Changes
from gatewayd.fleet.queue.keeping import Keeping, TextTaken
from gatewayd.fleet.queue.names import Box, EpochOldError, Outcome, SetAside, Uploaded
from gatewayd.fleet.queue.news import News
from gatewayd.fleet.queue.sets import PLAN_BY_INDEX
from gatewayd.store import Transaction
from gatewayd.timekeeping.clock import Calendar, Moment

log = logging.getLogger(__name__)

# The row of the box is held to the end: of two uploads, the second one sees what the first one kept.
_ACKNOWLEDGE = f"""
    UPDATE boxes b SET acknowledged = greatest(b.acknowledged, ?)
    FROM (SELECT name, acknowledged FROM boxes WHERE name = ? AND incarnation = ? FOR NO KEY UPDATE) before
    WHERE b.name = before.name RETURNING before.acknowledged, b.acknowledged, (SELECT recovering FROM fleet), {PLAN_BY_INDEX}
"""


def upload(
    db: Transaction,
    box: Box,
    outcomes: Sequence[Outcome],
    *,
    at: Moment,
    calendar: Calendar,
    submit_timeout_s: float,
    text_taken: TextTaken | None = None,
) -> Uploaded:
    """Keep outcomes with rising numbers; those that are kept already are passed over. Raises EpochOldError for another incarnation.

    What was sent is kept whatever became of the message; its state changes only where this box has it, under the epoch of the
    outcome; while the fleet is recovering also where PostgreSQL was restored to an older state of it. An outcome that cannot be
    taken is set aside; the others are taken. The caller commits.
    """
    if not outcomes:
        raise ValueError("an upload needs an outcome")
    highest = max(outcome.number for outcome in outcomes)
    row = db.execute(_ACKNOWLEDGE, (highest, box.name, box.incarnation)).fetchone()
    if row is None:
        raise EpochOldError
    kept, acknowledged, recovering = row[0], row[1], bool(row[2])
    answer = Uploaded(acknowledged)
    told: list[tuple[int, News]] = []
    for outcome in outcomes:
        if outcome.number <= kept:
            continue
        try:
            told.append((outcome.number, news.read(outcome, box.number)))
        except ValueError as error:
            _set_aside(answer, outcome.number, str(error))
    changes = Changes()
    keeping = Keeping(db, box, at, calendar, submit_timeout_s, text_taken, recovering=recovering)
    _take(db, keeping, told, changes, answer)
    changes.write(db)
    answer.settled = changes.changed
    return answer


def _take(
    db: Transaction, keeping: Keeping, told: Sequence[tuple[int, News]], changes: Changes, answer: Uploaded
) -> None:
    """Take all, or each half for itself where that fails, until what cannot be taken stands alone."""
    if not told:
        return
    db.execute("SAVEPOINT outcomes")
    try:
        kept = keeping.take([each for _, each in told])
        db.execute("RELEASE SAVEPOINT outcomes")
    except (PostgresFaultError, ValueError, OverflowError) as error:
        db.execute("ROLLBACK TO SAVEPOINT outcomes")
        db.execute("RELEASE SAVEPOINT outcomes")
        if len(told) == 1:
            _set_aside(answer, told[0][0], str(error))
            return
        middle = len(told) // 2
        _take(db, keeping, told[:middle], changes, answer)
        _take(db, keeping, told[middle:], changes, answer)
        return
    changes.add(kept.changes)
    answer.final |= kept.final
    answer.texts += kept.texts


def _set_aside(answer: Uploaded, number: int, reason: str) -> None:
    log.error("outcome %d of the journal cannot be taken and is set aside: %s", number, reason)
    answer.set_aside.append(SetAside(number, reason))
