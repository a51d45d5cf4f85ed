"""The membership of a box in a fleet, and the unfinished work that keeps it from joining one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables import box_settings

_JOINED: Final = "fleet.name"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The work that a box has not finished. A box joins and leaves with none of it."""

    messages: int  # that wait, are being sent or are in doubt
    scheduled: int  # for a later time
    deliveries: int  # of webhooks, still due

    @property
    def any_message(self) -> bool:
        """Whether a message is unfinished."""
        return bool(self.messages or self.scheduled)


def unfinished(db: Connection) -> Unfinished:
    """The unfinished messages of this box, without those of sandbox keys."""
    pending = db.execute(
        "SELECT count(*), coalesce(sum(day = ''), 0) FROM messages WHERE status = 'pending' AND sandbox = 0"
    ).fetchone()
    deliveries = db.execute("SELECT count(*) FROM deliveries WHERE state = 'pending'").fetchone()[0]
    return Unfinished(pending[0] - pending[1], pending[1], deliveries)


def untold(db: Connection) -> int:
    """The outcomes that the fleet has not been told."""
    count: int = db.execute(
        "SELECT count(*) FROM outcomes WHERE rejected IS NULL"
        " AND number > coalesce((SELECT max(acknowledged) FROM incarnation), 0)"
    ).fetchone()[0]
    return count


def store_id(db: Connection) -> str:
    """The id of this store, which its backups have too."""
    return str(db.execute("SELECT id FROM store_owner").fetchone()[0])


def highest_message(db: Connection) -> int:
    """The highest id of a message; 0 without one."""
    highest: int = db.execute("SELECT coalesce(max(id), 0) FROM messages").fetchone()[0]
    return highest


def joined_as(db: Connection) -> str | None:
    """The name under which this store joined a fleet, its ids changed; None: it did not, or is a backup from before."""
    return box_settings.all_of(db).get(_JOINED)


def note_joined(db: Connection, name: str) -> None:
    """Note that the ids of this store are those of the fleet."""
    box_settings.keep(db, _JOINED, name)


def note_left(db: Connection) -> None:
    """Note that this store belongs to no fleet: it keeps its ids, and the SIMs of other boxes are gone."""
    db.execute("DELETE FROM box_settings WHERE name = ?", (_JOINED,))
    db.execute("DELETE FROM sims WHERE box IS NOT NULL")
    db.execute("DELETE FROM shared_messages")
    db.execute("DELETE FROM incarnation")


def message_names(db: Connection, ids: list[int]) -> dict[int, str]:
    """The `sms_id` of each of these messages that is in this store."""
    found = db.execute(
        "SELECT id, sms_id FROM messages WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(ids),)
    )
    return dict(found.fetchall())
