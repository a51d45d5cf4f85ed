"""Restored backups.

A backup is marked as one. Messages that waited when it was made may have been sent since. So that they are not sent twice,
they are held when the backup is opened as the database, whether the gateway or a person put it there.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from pathlib import Path

from gatewayd.store.backup import check_backup, kept, own
from gatewayd.store.engine.connection import SqliteConnection
from gatewayd.store.engine.errors import StoreDamagedError
from gatewayd.store.engine.fsync import leave_to_the_owner, sync_file, sync_folder
from gatewayd.store.store_owner import known_owner
from gatewayd.store.tables import event_eras, events

log = logging.getLogger(__name__)

HELD = (
    "the database was restored from a backup, and this was waiting when that was made: it may have been sent since;"
    " a person decides"
)


def adopt_backup(db: SqliteConnection, *, resend: bool) -> None:
    """If the database is a backup, remove that mark, and hold the messages that wait in it, or `resend` them."""
    row = db.execute("SELECT taken_at FROM backup_of").fetchone()
    if row is None:
        return
    db.execute("BEGIN IMMEDIATE")
    count = 0
    if not resend:
        # A later report of a submission still settles its part: the window from `started_at` to `ended_at` is for that.
        count = db.execute(
            "UPDATE parts SET state = 'in_doubt', held = 1, deferred = 0, token = token + 1, reference = NULL,"
            " started_at = :taken_at, ended_at = max(:taken_at, CAST(strftime('%s') AS INTEGER) * 1000000)"
            " WHERE state IN ('queued', 'submitting', 'in_doubt')",
            {"taken_at": row["taken_at"]},
        ).rowcount
        count += _hold_scheduled(db, row["taken_at"])
        db.execute(
            "UPDATE messages SET failure_reason = ? WHERE status = 'pending' AND NOT sandbox AND (day <> '' OR send_at IS NULL)",
            (HELD,),
        )
    db.execute("DELETE FROM backup_of")
    db.execute("DELETE FROM incarnation")  # to a fleet, this file has not seen what was sent since
    event_eras.begin(db, restored=True)
    if not resend:
        events.write_of_held(db)
    db.execute("COMMIT")
    log.error(
        "this database is a backup made at %s UTC: messages and texts since then are lost, and messages that waited then are %s",
        db.execute("SELECT datetime(? / 1000000, 'unixepoch')", (row["taken_at"],)).fetchone()[0],
        "sent, though it may have been sent since"
        if resend
        else f"held ({count} parts): it may have been sent since",
    )


def _hold_scheduled(db: SqliteConnection, taken_at: int) -> int:
    """Hold the scheduled messages that were due since the backup was made; the number of their parts."""
    # The clock of a box without a battery may still be in the past.
    values = {"taken_at": taken_at, "now": max(taken_at, time.time_ns() // 1000)}
    count: int = db.execute(
        "WITH RECURSIVE seqs (message_id, seq, parts) AS ("
        "  SELECT id, 1, parts FROM messages WHERE status = 'pending' AND day = '' AND sandbox = 0 AND send_at <= :now"
        "  UNION ALL SELECT message_id, seq + 1, parts FROM seqs WHERE seq < parts)"
        " INSERT INTO parts (message_id, seq, state, held, token, sim_id, pinned, priority, company_id, transactional,"
        "  place, started_at, ended_at)"
        " SELECT m.id, seq, 'in_doubt', 1, 1, sim_id, pinned, priority, company_id, transactional, m.id, :taken_at,"
        "  :now FROM seqs JOIN messages m ON m.id = message_id",
        values,
    ).rowcount
    # They have parts now, so they are scheduled no longer.
    db.execute(
        "UPDATE messages SET day = strftime('%Y-%m-%d', :now / 1000000, 'unixepoch')"
        " WHERE status = 'pending' AND day = '' AND sandbox = 0 AND send_at <= :now",
        values,
    )
    return count


def restore_newest(folder: Path, path: Path) -> None:
    """Rename a damaged database and replace it by the newest good backup of a folder.

    Raises:
        StoreDamagedError: there is none. Then nothing was changed.
        OSError: there is no room, or the disk fails.
    """
    usable = own(folder, known_owner(path))
    for backup in reversed(usable):
        try:
            check_backup(backup)
        except StoreDamagedError as error:
            log.error("the backup %s cannot be used: %s", backup, error)
            continue
        copy = path.with_name(path.name + ".restored")
        shutil.copyfile(backup, copy)
        os.chmod(copy, 0o600)
        leave_to_the_owner(copy, path.parent)
        sync_file(copy)
        aside = _set_aside(path)
        os.replace(copy, path)
        sync_folder(path.parent)
        log.error("%s was damaged, and is kept as %s; the backup %s takes its place", path, aside, backup)
        return
    others = len(kept(folder)) - len(usable)
    foreign = f"; {others} there belong to another gateway and are not used" if others else ""
    raise StoreDamagedError(
        f"{path} is damaged, and there is no good backup in {folder} to take its place{foreign}"
    )


def _set_aside(path: Path) -> Path:
    """Rename a damaged database and its log; the new path of the database."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for suffix in ("-wal", "-journal", "-shm", ""):  # the log first: alone it is of no use
        file = path.with_name(path.name + suffix)
        if file.exists():
            os.rename(file, f"{aside}{suffix}")
    return aside
