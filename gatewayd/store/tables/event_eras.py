"""Eras of events: they make the id of an event unique, and tell which cursors are valid.

Ids in the database go on from the newest one that it has. After a restore that is an older one, so the same numbers come
again. So an era begins with each start and each restored backup, and the id that clients see has the token of its era.
"""

from __future__ import annotations

import secrets
from bisect import bisect_right
from dataclasses import dataclass
from operator import attrgetter

from gatewayd.store.engine.connection import Connection


@dataclass(frozen=True, slots=True)
class Era:
    """The events from `first_id` up to the next era. `restored`: it began with a restored backup, or with the database."""

    first_id: int
    token: str
    restored: bool


@dataclass(frozen=True, slots=True)
class Eras:
    """The eras that are known, oldest first."""

    eras: tuple[Era, ...]

    def token(self, number: int) -> str:
        """The token of the era of an event."""
        following = bisect_right(self.eras, number, key=attrgetter("first_id"))
        return self.eras[max(0, following - 1)].token

    def public_id(self, number: int) -> str:
        """The id of an event that clients see. It is never used twice, also after a restore."""
        return f"evt_{self.token(number)}_{number}"

    @property
    def restored(self) -> str:
        """The token of the newest restored backup."""
        return next(era.token for era in reversed(self.eras) if era.restored)


def begin(db: Connection, *, restored: bool) -> None:
    """Begin an era, within a transaction. An era without an event gives way to it."""
    db.execute(
        "DELETE FROM event_eras WHERE first_id > (SELECT coalesce(max(id), 0) FROM events) AND restored = 0"
    )
    db.execute(
        "INSERT INTO event_eras (first_id, token, restored)"
        " VALUES ((SELECT coalesce(max(id), 0) + 1 FROM events), ?, ?)",
        (secrets.token_hex(4), restored),
    )


def read(db: Connection) -> Eras:
    """All eras."""
    rows = db.execute("SELECT first_id, token, restored FROM event_eras ORDER BY id")
    return Eras(tuple(Era(row[0], row[1], bool(row[2])) for row in rows))


def drop_before(db: Connection, oldest_id: int) -> None:
    """Forget the eras that ended before the place in front of the oldest event, but not the one of the last restore."""
    db.execute(
        "DELETE FROM event_eras WHERE id < (SELECT max(id) FROM event_eras WHERE first_id < :oldest)"
        " AND id <> (SELECT max(id) FROM event_eras WHERE restored = 1)",
        {"oldest": oldest_id},
    )
