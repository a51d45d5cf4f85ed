"""Idempotency keys and the responses to their first requests.

A key is committed with the messages of its request. A temporary table in memory holds the requests that are still being
answered: it is lost with the process, and the answer is then built from the messages.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection

_AT_A_TIME = 200


@dataclass(frozen=True, slots=True)
class UsedKey:
    """An idempotency key that was used before. `sms_ids`: None for each message that was not accepted."""

    fingerprint: bytes
    sms_ids: list[str | None]
    single: bool  # of a send, not of a bulk
    http_status: int | None  # with `body`: the response to the first request, if it is known
    body: str | None
    in_flight: bool


def install_in_flight(db: Connection, requests: Iterable[tuple[int, str]]) -> None:
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
    row = db.execute(
        "SELECT fingerprint, sms_ids, single, http_status, body, f.key IS NOT NULL AS in_flight"
        " FROM idempotency i LEFT JOIN in_flight f ON f.key_id = i.key_id AND f.key = i.key"
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
) -> None:
    """Keep a key with the messages of its request. It replaces an equal key that is too old."""
    db.execute(
        "INSERT OR REPLACE INTO idempotency (key_id, key, fingerprint, sms_ids, single, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        (key_id, key, fingerprint, json.dumps(sms_ids), single, now),
    )


def being_answered(db: Connection, key_id: int, key: str) -> None:
    """Note that the first request with a key is being answered."""
    db.execute("INSERT OR IGNORE INTO in_flight VALUES (?, ?)", (key_id, key))


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
