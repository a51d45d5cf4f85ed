"""The boxes: each joins and beats; one that was silent for long is rescued by another.

No wall clock counts. A box that looks compares (epoch, beat) of the others with what it saw before, on its own clock, and
says what it saw with each step of a rescue: the step changes nothing where the other box lived meanwhile.

The epoch of a box changes only while no transaction holds its row FOR KEY SHARE, as each does that acts under that epoch: the
index on (name, epoch) makes every change of it wait for them. A beat waits for none of them.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from gatewayd.fleet.queue import settling
from gatewayd.fleet.queue.changes import Changes
from gatewayd.fleet.queue.names import (
    Box,
    BoxRow,
    EpochOldError,
    Epochs,
    FleetRow,
    FleetSeen,
    Joined,
    Look,
    given_epoch,
)
from gatewayd.fleet.queue.sets import PLAN_BY_INDEX, plan_by_index
from gatewayd.messages.reasons import FORGOTTEN
from gatewayd.store import Transaction
from gatewayd.store.tables import event_eras
from gatewayd.timekeeping.clock import Calendar, Moment

log = logging.getLogger(__name__)

# The database as it runs: after a restart of the server, and after a restore, it is another one.
_SERVER = (
    "(SELECT concat_ws(' ', pg_postmaster_start_time(), oid, 'boxes'::regclass::oid) FROM pg_database"
    " WHERE datname = current_database())"
)
_NOW = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

_REQUIRE = f"""
    SELECT f.recovering, {PLAN_BY_INDEX} FROM boxes b CROSS JOIN fleet f
    WHERE b.name = ? AND b.epoch = ? AND b.incarnation = ? AND b.state = 'member' FOR KEY SHARE OF b
"""

_JOIN = f"""
    UPDATE boxes SET epoch = :epoch, beat = beat + 1, alive = 1, incarnation = :incarnation, version = :version,
        submit_timeout_s = :timeout, acknowledged = :acknowledged, journal = :journal, seen_at = {_NOW},
        base_epoch = CASE WHEN server = {_SERVER} AND incarnation = :incarnation THEN base_epoch ELSE :highest_epoch END,
        server = {_SERVER}, server_epoch = :epoch,
        caught_up = CASE WHEN :behind = 1 OR :forgot = 1 THEN 0 ELSE caught_up END,
        forgot = CASE WHEN :forgot = 1 THEN 1 ELSE forgot END
    WHERE name = :name RETURNING forgot
"""

# A box that has joined the restored database without the epoch that was seen of it has an old file: it loses the one that it took.
_HAS_OLD_FILE = f"server = {_SERVER} AND base_epoch < :given"
_TELL_OF_ANOTHER = f"""
    UPDATE boxes SET
        epoch = CASE WHEN {_HAS_OLD_FILE} THEN greatest(epoch, :given) + 1 ELSE greatest(epoch, :given + 1 - alive) END,
        server = CASE WHEN {_HAS_OLD_FILE} THEN '' ELSE server END,
        journal = CASE WHEN incarnation = :incarnation THEN greatest(journal, :journal) ELSE journal END
    WHERE name = :name AND state = 'member' AND {_SERVER} <> :server
"""

# Ids are drawn, and not set: for this the role of the boxes needs no more rights. So many ids were certainly not given between
# the last look of a box and the end of the old database.
_SKIPPED_IDS = 1_000_000
_SKIP_IDS = "SELECT count(nextval('message_ids')) FROM generate_series(1, ?::bigint)"
_LAST_ID = "coalesce(pg_sequence_last_value('message_ids'), 0)"

_OWN = "SELECT epoch, acknowledged, journal FROM boxes WHERE name = :name AND epoch = :epoch AND incarnation = :incarnation AND state = 'member'"
_BEAT = f"""
    UPDATE boxes SET beat = beat + 1, journal = greatest(journal, :journal), seen_at = {_NOW}
    WHERE name = :name AND epoch = :epoch AND incarnation = :incarnation AND state = 'member'
    RETURNING epoch, acknowledged, journal
"""
# Messages that wait are looked for among the newest: those that were claimed lie behind these.
_LOOK = f"""
    WITH own AS ({{}})
    SELECT own.acknowledged, own.journal,
        (SELECT json_agg(json_build_array(name, number, state, epoch, beat, alive, submit_timeout_s, caught_up,
            server IS NULL OR server_epoch <> epoch OR server = {_SERVER}, journal, incarnation) ORDER BY name)
            FROM boxes)::text AS boxes,
        (SELECT row_to_json(f) FROM fleet f)::text AS fleet,
        (SELECT coalesce(json_object_agg(table_name, version), '{{{{}}}}') FROM copies)::text AS copies,
        (SELECT coalesce(json_object_agg(name, json_build_array(box, epoch)), '{{{{}}}}') FROM duties)::text AS duties,
        EXISTS (SELECT 1 FROM (SELECT state FROM queue ORDER BY message_id DESC LIMIT 1000) q WHERE q.state = 'waiting')
            OR EXISTS (SELECT 1 FROM queue WHERE state = 'waiting') AS waits,
        {_LAST_ID} AS last_message_id, {_SERVER} AS server
    FROM own
"""
_LOOK_ONLY = _LOOK.format(_OWN)
_LOOK_AND_BEAT = _LOOK.format(_BEAT)

_RESCUED_CLAIMS = """
    SELECT q.message_id FROM queue q JOIN boxes b ON b.name = q.box
    WHERE q.state = 'claimed' AND q.epoch <> b.epoch ORDER BY q.message_id LIMIT ? FOR UPDATE OF q SKIP LOCKED
"""
_DEAD = """
    SELECT 1 FROM boxes WHERE name = ? AND epoch = ? AND beat = ? AND alive = 0 FOR KEY SHARE
"""
_RESCUED_STARTS = """
    SELECT message_id FROM queue WHERE state = 'started' AND box = ? AND epoch <> ?
    ORDER BY message_id LIMIT ? FOR UPDATE SKIP LOCKED
"""

_FORGOTTEN = """
    SELECT q.message_id FROM queue q JOIN boxes b ON b.name = ?
    WHERE q.state IN ('waiting', 'claimed') AND q.message_id <= b.restored_id ORDER BY q.message_id LIMIT ? FOR UPDATE OF q
"""
# No journal is asked about them: they have no incarnation.
_DOUBT_FORGOTTEN = """
    UPDATE queue q SET state = 'in_doubt', box = b.name, epoch = b.epoch, incarnation = NULL, returned = 1
    FROM boxes b WHERE b.name = ? AND q.message_id = ANY(?::bigint[])
"""

_WAKE_ALL = "SELECT pg_notify('box_' || number, '') FROM boxes WHERE state = 'member' AND name <> ?"

_AT_ONCE = 2000

NOTHING_SEEN = FleetSeen()


def require(db: Transaction, box: Box) -> bool:
    """Hold the epoch of a box to the end of the transaction; whether the fleet is recovering. Raises EpochOldError."""
    row = db.execute(_REQUIRE, (box.name, box.epoch, box.incarnation)).fetchone()
    if row is None:
        raise EpochOldError
    return bool(row[0])


def epochs(db: Transaction, name: str) -> Epochs:
    """The epochs of a member. Raises LookupError where there is no such member."""
    row = db.execute(
        f"SELECT epoch, alive, {_SERVER} AS present, server FROM boxes WHERE name = ? AND state = 'member'",
        (name,),
    ).fetchone()
    if row is None:
        raise LookupError(name)
    given = given_epoch(row["epoch"], alive=bool(row["alive"]))
    return Epochs(row["epoch"], given, row["present"], row["server"] == row["present"])


def join(
    db: Transaction,
    name: str,
    incarnation: str,
    *,
    present: int,
    epoch: int,
    version: str,
    submit_timeout_s: float,
    acknowledged: int,
    journal: int,
    had_id: int,
    seen_id: int = 0,
    last_epoch: int = 0,
    highest_epoch: int = 0,
    seen: FleetSeen = NOTHING_SEEN,
) -> Joined:
    """Take a new epoch. From its commit on nothing that was asked under an older one can change anything any more.

    `present`: the epoch that `epochs` gave, by which the box judged whether its file is old.
    `epoch`: the new one. The box noted durably before that it asks for it, and never asks for one twice.
    `acknowledged`, `journal`, `had_id`, `last_epoch`: the highest that this box was told, told or had; `had_id`: of its messages.
    `highest_epoch`: the highest that it may have had before it first asked this server: an answer may have been lost.
    `seen_id`: the newest id of a message that it saw given. PostgreSQL may forget that one in a crash, as its message was not kept.
    `seen`: so the first box that knows more of the others finds a restored PostgreSQL, before it claims.

    Where PostgreSQL knows less, it was restored: then the fleet is set to `recovering`, and ids of messages go on far above those
    that were given. A box whose own file is behind the answer makes a new incarnation and joins again; one that comes with another
    incarnation than the restored one has forgotten what it sent since the backup.

    Raises LookupError where there is no such member, and EpochOldError where its epoch is not `present` any more.
    """
    # The fleet's row first: one of two joins that find PostgreSQL restored would wait for the other one's box, and that for the fleet.
    (recovering,) = db.execute("SELECT recovering FROM fleet FOR NO KEY UPDATE").fetchone()
    row = db.execute(
        f"SELECT number, incarnation, acknowledged, journal, epoch, {_LAST_ID} AS last_id FROM boxes"
        " WHERE name = ? AND state = 'member' FOR UPDATE",
        (name,),
    ).fetchone()
    if row is None:
        raise LookupError(name)
    if row["epoch"] != present:
        raise EpochOldError
    same = row["incarnation"] == incarnation
    kept = row["acknowledged"] if same else 0
    told = row["journal"] if same else 0
    known = row["last_id"] >= had_id and row["epoch"] >= last_epoch and _is_not_behind(db, seen)
    behind = kept < acknowledged or told < journal or not known
    if behind:
        _recover(db, row["last_id"], max(had_id, seen_id))
        _tell_of_others(db, name, seen)
    forgot = (behind or bool(recovering)) and not same
    found = db.execute(
        _JOIN,
        {
            "name": name,
            "epoch": epoch,
            "highest_epoch": max(last_epoch, highest_epoch),
            "incarnation": incarnation,
            "version": version,
            "timeout": submit_timeout_s,
            "acknowledged": kept,
            "journal": told,
            "behind": int(behind),
            "forgot": int(forgot),
        },
    ).fetchone()
    return Joined(Box(name, row["number"], epoch, incarnation), kept, told, behind, bool(found["forgot"]))


def _is_not_behind(db: Transaction, seen: FleetSeen) -> bool:
    """Whether each box shows at least the epoch and the beat that were seen of it before."""
    shown = {row[0]: (row[1], row[2]) for row in db.execute("SELECT name, epoch, beat FROM boxes")}
    return all(shown.get(name, (0, 0)) >= (row.epoch, row.beat) for name, row in seen.rows.items()) and all(
        shown.get(name, (0, 0))[0] >= epoch for name, epoch in seen.epochs.items()
    )


def _tell_of_others(db: Transaction, name: str, seen: FleetSeen) -> None:
    """Have the restored rows of other boxes show what was seen of them: one whose file is old too finds it by that."""
    for other in sorted(seen.epochs.keys() - {name}):
        row = seen.rows.get(other)
        db.execute(
            _TELL_OF_ANOTHER,
            {
                "name": other,
                "server": seen.server,
                "given": seen.epochs[other],
                "incarnation": "" if row is None else row.incarnation,
                "journal": 0 if row is None else row.journal,
            },
        )


def _recover(db: Transaction, last_id: int, known_id: int) -> None:
    """Stop all claims, until each box has told again what it knows. Ids of messages and events are not given a second time."""
    log.error(
        "PostgreSQL knows less than this box was told: it was restored. Nothing is claimed until `gatewayd fleet recovered`"
    )
    if db.execute("UPDATE fleet SET recovering = 1 WHERE recovering = 0").rowcount:
        db.execute(
            "UPDATE boxes SET caught_up = 0, forgot = 0, restored_id = ? WHERE state = 'member'", (last_id,)
        )
        event_eras.begin(db, restored=True)
        db.execute(_SKIP_IDS, (max(0, known_id - last_id) + _SKIPPED_IDS,))
    elif last_id < known_id:
        db.execute(_SKIP_IDS, (known_id - last_id,))


def caught_up(db: Transaction, box: Box) -> None:
    """Note that a box has told everything again. Raises EpochOldError."""
    require(db, box)
    db.execute("UPDATE boxes SET caught_up = 1, forgot = 0 WHERE name = ?", (box.name,))


def doubt_forgotten(db: Transaction, name: str, at: Moment, calendar: Calendar) -> int:
    """Put messages in doubt that a box may have sent since the backup that was restored, and does not know of; their number, some at a time.

    Those are all that wait or are claimed in the restored database. What another box tells of them settles them.
    """
    plan_by_index(db)
    ids = [row[0] for row in db.execute(_FORGOTTEN, (name, _AT_ONCE))]
    db.execute(_DOUBT_FORGOTTEN, (name, ids))
    changes = Changes()
    settling.doubt(db, ids, at, calendar, changes, reason=FORGOTTEN)
    changes.write(db)
    return len(ids)


def recovered(db: Transaction) -> list[str]:
    """Let the fleet claim again if every member has told everything again; else the names of those that have not."""
    missing = [
        row[0]
        for row in db.execute("SELECT name FROM boxes WHERE state = 'member' AND caught_up = 0 ORDER BY name")
    ]
    if not missing:
        db.execute("UPDATE fleet SET recovering = 0 WHERE recovering = 1")
    return missing


def look(db: Transaction, box: Box, *, beat: bool, journal: int = 0) -> Look | None:
    """Look at everything in one statement; None: the epoch is old. With `beat`, tell that the box lives, and its journal's state."""
    values: dict[str, Any] = {"name": box.name, "epoch": box.epoch, "incarnation": box.incarnation}
    if beat:
        row = db.execute(_LOOK_AND_BEAT, {**values, "journal": journal}).fetchone()
    else:
        row = db.execute(_LOOK_ONLY, values).fetchone()
    if row is None:
        return None
    return Look(
        row["acknowledged"],
        row["journal"],
        tuple(_box_row(each) for each in json.loads(row["boxes"])),
        _fleet_row(json.loads(row["fleet"])),
        json.loads(row["copies"]),
        {name: (held[0], held[1]) for name, held in json.loads(row["duties"]).items()},
        bool(row["waits"]),
        row["last_message_id"],
        row["server"],
    )


def _box_row(columns: list[Any]) -> BoxRow:
    name, number, state, epoch, beat, alive, submit_timeout_s, has_caught_up, *rest = columns
    return BoxRow(name, number, state, epoch, beat, bool(alive), submit_timeout_s, bool(has_caught_up), *rest)


def _fleet_row(row: dict[str, Any]) -> FleetRow:
    return FleetRow(
        row["time_zone"],
        row["retention_days"],
        row["in_doubt"],
        row["in_doubt_wait_s"],
        row["max_pending"],
        row["beat_s"],
        row["lease_s"],
        row["dead_after_s"],
        row["doubt_extra_s"],
        row["look_s"],
        bool(row["recovering"]),
    )


def fleet(db: Transaction) -> FleetRow:
    """The settings that all boxes share."""
    row = db.execute("SELECT row_to_json(f)::text FROM fleet f").fetchone()
    return _fleet_row(json.loads(row[0]))


def rescue(db: Transaction, name: str, epoch: int, beat: int) -> bool:
    """Declare a box dead that showed this epoch and beat for long. False: it does not show them any more."""
    return (
        db.execute(
            "UPDATE boxes SET epoch = epoch + 1, alive = 0 WHERE name = ? AND epoch = ? AND beat = ? AND state = 'member'",
            (name, epoch, beat),
        ).rowcount
        == 1
    )


def settle_rescued(db: Transaction, at: Moment, calendar: Calendar) -> int:
    """Let claimed messages wait again whose epoch is not the present one of their box; their number, some at a time.

    Any box asks this after a rescue, and each minute, until the number is 0.
    """
    plan_by_index(db)
    ids = [row[0] for row in db.execute(_RESCUED_CLAIMS, (_AT_ONCE,))]
    changes = Changes()
    settling.to_waiting(db, ids, at, calendar, changes)
    changes.write(db)
    return len(ids)


def doubt_rescued(
    db: Transaction, name: str, epoch: int, beat: int, at: Moment, calendar: Calendar
) -> list[int]:
    """Put the started messages of a dead box in doubt, which nobody told; their ids, some at a time.

    `epoch`: the one that the rescue gave. Nothing where the box shows another epoch or beat. The rescuer waited for the dead box's
    `submit_timeout_s` and `doubt_extra_s` more since then.
    """
    plan_by_index(db)
    if db.execute(_DEAD, (name, epoch, beat)).fetchone() is None:
        return []
    ids = [row[0] for row in db.execute(_RESCUED_STARTS, (name, epoch, _AT_ONCE))]
    changes = Changes()
    settling.doubt(db, ids, at, calendar, changes)
    changes.write(db)
    return ids


def retire(db: Transaction, name: str, state: str) -> bool:
    """Take a box out of the fleet, as `left` or `excluded`, under a new epoch. False: it was no member."""
    return (
        db.execute(
            # Nothing runs under the epoch of a box that was rescued.
            "UPDATE boxes SET epoch = epoch + alive, alive = 0, state = ? WHERE name = ? AND state = 'member'",
            (state, name),
        ).rowcount
        == 1
    )


def wake_all(db: Transaction, *, but: str = "") -> None:
    """Wake all boxes, but for one, when this transaction is committed."""
    db.execute(_WAKE_ALL, (but,)).fetchall()
