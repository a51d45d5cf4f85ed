"""The persons who use the dashboard, and their sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection, Row

_COLUMNS = "id, login, name, role, company_id, password, language, active, created_at"


@dataclass(frozen=True, slots=True)
class Person:
    """A person. `company_id`: of the role `company`, else None. `password`: its scrypt hash. `language` None: the browser's."""

    id: int
    login: str
    name: str
    role: str
    company_id: int | None
    password: str
    language: str | None
    active: bool
    created_at: int


@dataclass(frozen=True, slots=True)
class Session:
    """A session of a person. Times in microseconds since the epoch. `address` and `agent`: of the client that logged in."""

    id: int
    person_id: int
    created_at: int
    seen_at: int
    address: str
    agent: str


def add(
    db: Connection, login: str, name: str, role: str, company_id: int | None, password: str, now: int
) -> int | None:
    """A new person; its id, or None where the login is taken. Logins differ in more than capitals."""
    row = db.execute(
        "INSERT INTO persons (login, name, role, company_id, password, created_at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING RETURNING id",
        (login, name, role, company_id, password, now),
    ).fetchone()
    return None if row is None else int(row[0])


def update(db: Connection, person_id: int, changes: Mapping[str, object]) -> bool:
    """Change columns of a person. False: there is none with this id."""
    columns = ", ".join(f"{column} = ?" for column in changes)
    return (
        db.execute(f"UPDATE persons SET {columns} WHERE id = ?", (*changes.values(), person_id)).rowcount == 1
    )


def remove(db: Connection, person_id: int) -> bool:
    """Delete a person and its sessions. False: there is none with this id."""
    db.execute("DELETE FROM person_sessions WHERE person_id = ?", (person_id,))
    return db.execute("DELETE FROM persons WHERE id = ?", (person_id,)).rowcount == 1


def persons(db: Connection) -> list[Person]:
    """Every person, by login."""
    return [_person(row) for row in db.execute(f"SELECT {_COLUMNS} FROM persons ORDER BY login")]


def exist(db: Connection) -> bool:
    """Whether there is a person."""
    return db.execute("SELECT 1 FROM persons LIMIT 1").fetchone() is not None


def other_owner(db: Connection, person_id: int, role: str) -> bool:
    """Whether another active person has this role."""
    return (
        db.execute(
            "SELECT 1 FROM persons WHERE role = ? AND active AND id <> ? LIMIT 1", (role, person_id)
        ).fetchone()
        is not None
    )


def by_login(db: Connection, login: str) -> Person | None:
    """The person with this login."""
    row = db.execute(f"SELECT {_COLUMNS} FROM persons WHERE login = ?", (login,)).fetchone()
    return None if row is None else _person(row)


def by_id(db: Connection, person_id: int) -> Person | None:
    """The person with this id."""
    row = db.execute(f"SELECT {_COLUMNS} FROM persons WHERE id = ?", (person_id,)).fetchone()
    return None if row is None else _person(row)


def open_session(
    db: Connection, digest: bytes, person_id: int, now: int, address: str, agent: str, keep: int
) -> None:
    """A new session. Of the person's older ones only the `keep` newest stay."""
    db.execute(
        "INSERT INTO person_sessions (hash, person_id, created_at, seen_at, address, agent) VALUES (?, ?, ?, ?, ?, ?)",
        (digest, person_id, now, now, address, agent),
    )
    db.execute(
        "DELETE FROM person_sessions WHERE person_id = ? AND id NOT IN"
        " (SELECT id FROM person_sessions WHERE person_id = ? ORDER BY id DESC LIMIT ?)",
        (person_id, person_id, keep),
    )


def session(db: Connection, digest: bytes) -> tuple[Session, Person] | None:
    """The session with this hash, and its person."""
    row = db.execute(
        "SELECT id, person_id, created_at, seen_at, address, agent FROM person_sessions WHERE hash = ?",
        (digest,),
    ).fetchone()
    if row is None or (person := by_id(db, row[1])) is None:
        return None
    return Session(*row), person


def sessions(db: Connection, person_id: int) -> list[Session]:
    """The sessions of a person, newest first."""
    return [
        Session(*row)
        for row in db.execute(
            "SELECT id, person_id, created_at, seen_at, address, agent FROM person_sessions"
            " WHERE person_id = ? ORDER BY id DESC",
            (person_id,),
        )
    ]


def note_seen(db: Connection, session_id: int, now: int) -> None:
    """A session was used."""
    db.execute("UPDATE person_sessions SET seen_at = ? WHERE id = ?", (now, session_id))


def close_session(db: Connection, digest: bytes) -> None:
    """Delete the session with this hash."""
    db.execute("DELETE FROM person_sessions WHERE hash = ?", (digest,))


def close_one_session(db: Connection, person_id: int, session_id: int) -> bool:
    """Delete a session of a person. False: the person has none with this id."""
    return (
        db.execute(
            "DELETE FROM person_sessions WHERE person_id = ? AND id = ?", (person_id, session_id)
        ).rowcount
        == 1
    )


def close_sessions(db: Connection, person_id: int, *, but: int | None = None) -> int:
    """Delete the sessions of a person, except the one with the id `but`; their number."""
    return db.execute(
        "DELETE FROM person_sessions WHERE person_id = ? AND id <> ?", (person_id, but or 0)
    ).rowcount


def has_session_from(db: Connection, login: str, address: str) -> bool:
    """Whether the person with this login has a session from this address."""
    return (
        db.execute(
            "SELECT 1 FROM person_sessions WHERE address = ? AND person_id ="
            " (SELECT id FROM persons WHERE login = ?) LIMIT 1",
            (address, login),
        ).fetchone()
        is not None
    )


def forget_sessions_before(db: Connection, created_at: int) -> None:
    """Delete the sessions that were opened before this time."""
    db.execute("DELETE FROM person_sessions WHERE created_at < ?", (created_at,))


def _person(row: Row) -> Person:
    person_id, login, name, role, company_id, password, language, active, created_at = row
    return Person(person_id, login, name, role, company_id, password, language, bool(active), created_at)
