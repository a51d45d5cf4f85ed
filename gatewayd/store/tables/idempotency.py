"""Idempotency keys and the responses to their first requests.

A key is committed with the messages of its request. A temporary table in memory holds the requests that are still being
answered: it is lost with the process, and the answer is then built from the messages. Where several boxes share the database,
it is an ordinary table, whose rows hold for as long as the box that answers keeps its epoch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection, SqliteConnection
from gatewayd.store.tables import engines

_AT_A_TIME = 200

_ANSWERED_BY_A_BOX = (
    "(SELECT a.key_id, a.key FROM in_flight a JOIN boxes b ON b.name = a.box AND b.epoch = a.epoch) AS f"
)


@dataclass(frozen=True, slots=True)
class UsedKey:
    """An idempotency key that was used before. `sms_ids`: None for each message that was not accepted."""

    fingerprint: bytes
    sms_ids: list[str | None]
    single: bool  # of a send, not of a bulk
    http_status: int | None  # with `body`: the response to the first request, if it is known
    body: str | None
    in_flight: bool


@dataclass(frozen=True, slots=True)
class Answering:
    """The box that answers a request, and its epoch."""

    box: str
    epoch: int


def install_in_flight(db: SqliteConnection, requests: Iterable[tuple[int, str]]) -> None:
    """Make the table of requests that are being answered, with these in it. For the writing connection only."""
    db.execute(
        "CREATE TEMP TABLE in_flight (key_id INTEGER NOT NULL, key TEXT NOT NULL, PRIMARY KEY (key_id, key))"
        " WITHOUT ROWID"
    )
    db.executemany("INSERT INTO in_flight VALUES (?, ?)", requests)


def in_flight(db: Connection) -> list[tuple[int, str]]:
    """The requests that are being answered: id of the API key, and idempotency key."""
    return [(row[0], row[1]) for row in db.execute("SELECT key_id, key FROM in_flight")]


def find(db: Connection, key_id: int, key: str, lately: tuple[int, int]) -> UsedKey | None:
    """A key that was used between two moments; None if it was not. On the writing connection."""
    answered_now = _ANSWERED_BY_A_BOX if engines.is_shared(db) else "in_flight f"
    row = db.execute(
        "SELECT fingerprint, sms_ids, single, http_status, body, f.key IS NOT NULL AS in_flight"
        f" FROM idempotency i LEFT JOIN {answered_now} ON f.key_id = i.key_id AND f.key = i.key"
        " WHERE i.key_id = ? AND i.key = ? AND i.created_at BETWEEN ? AND ?",
        (key_id, key, *lately),
    ).fetchone()
    if row is None:
        return None
    return UsedKey(row[0], json.loads(row[1]), bool(row[2]), row[3], row[4], bool(row[5]))


def keep(
    db: Connection,
    key_id: int,
    key: str,
    fingerprint: bytes,
    *,
    sms_ids: list[str | None],
    single: bool,
    now: int,
    answering: Answering | None = None,
) -> None:
    """Keep a key with the messages of its request, as being answered. It replaces an equal key that is too old.

    `answering`: who answers, where several boxes share the database.
    """
    db.execute(
        "INSERT INTO idempotency (key_id, key, fingerprint, sms_ids, single, created_at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (key_id, key) DO UPDATE SET fingerprint = excluded.fingerprint, sms_ids = excluded.sms_ids,"
        " single = excluded.single, created_at = excluded.created_at, http_status = NULL, body = NULL",
        (key_id, key, fingerprint, json.dumps(sms_ids), single, now),
    )
    if not engines.is_shared(db):
        db.execute("INSERT INTO in_flight VALUES (?, ?) ON CONFLICT DO NOTHING", (key_id, key))
    elif answering is not None:
        db.execute(
            "INSERT INTO in_flight (key_id, key, box, epoch) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (key_id, key) DO UPDATE SET box = excluded.box, epoch = excluded.epoch",
            (key_id, key, answering.box, answering.epoch),
        )


def answered(db: Connection, key_id: int, key: str, http_status: int, body: str) -> None:
    """Keep the response to the first request."""
    db.execute(
        "UPDATE idempotency SET http_status = ?, body = ? WHERE key_id = ? AND key = ? AND body IS NULL",
        (http_status, body, key_id, key),
    )
    landed(db, key_id, key)


def landed(db: Connection, key_id: int, key: str) -> None:
    """Note that the first request is no longer being answered."""
    db.execute("DELETE FROM in_flight WHERE key_id = ? AND key = ?", (key_id, key))


def forget_but(db: Connection, lately: tuple[int, int]) -> bool:
    """Delete the keys that were not stored between these moments, some at a time. True: there may be more."""
    others = "SELECT key_id, key FROM idempotency WHERE created_at < ? OR created_at > ? LIMIT ?"
    gone = db.execute(
        f"DELETE FROM idempotency WHERE (key_id, key) IN ({others})", (*lately, _AT_A_TIME)
    ).rowcount
    return gone == _AT_A_TIME
