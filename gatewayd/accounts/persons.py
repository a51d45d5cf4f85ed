"""Persons who use the dashboard: their roles, and their sessions."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum

from gatewayd.accounts import passwords
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.store import Store
from gatewayd.store.tables import accounts, persons
from gatewayd.timekeeping.clock import DAY, HOUR, SECOND, Clock

SESSIONS_KEPT = 10
"""Sessions that a person may have at a time, one for each browser."""

IDLE = 12 * HOUR
"""A session that was not used for so long has ended, in microseconds."""

LONGEST = 30 * DAY
"""A session ends after this time, in microseconds."""

# The last use of a session is written this often at most, because each write wears the card of the box.
_NOTED_EVERY = 600 * SECOND


class Role(StrEnum):
    """The pages that a person may use."""

    OWNER = "owner"  # all
    OPERATOR = "operator"  # all but persons and keys
    COMPANY = "company"  # the messages and texts of one company, and its keys to read


@dataclass(frozen=True, slots=True)
class Viewer:
    """The person who asks for a page, and the session. `company_id`: the one company that it may see; None: all."""

    person_id: int
    session_id: int
    login: str
    name: str
    role: Role
    company_id: int | None
    language: str | None


class Sessions:
    """Opens, finds and closes sessions. The cookie is a random token; the store keeps its SHA-256."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def log_in(self, login: str, password: str, address: str, agent: str) -> str | None:
        """The token of a new session; None where login and password do not belong together. Raises StoreUnavailableError."""
        with self._store.readers.lend() as db:
            person = persons.by_login(db, login)
        usable = person if person is not None and person.active else None
        if not passwords.matches(None if usable is None else usable.password, password) or usable is None:
            return None
        return self.open(usable.id, address, agent)

    def is_password(self, person_id: int, password: str) -> bool:
        """Whether this is the password of a person. Raises StoreUnavailableError."""
        with self._store.readers.lend() as db:
            person = persons.by_id(db, person_id)
        return passwords.matches(None if person is None else person.password, password)

    def known_from(self, login: str, address: str) -> bool:
        """Whether a person has a session from this address already. Raises StoreUnavailableError."""
        with self._store.readers.lend() as db:
            return persons.has_session_from(db, login, address)

    def anybody(self) -> bool:
        """Whether there is a person. Raises StoreUnavailableError."""
        with self._store.readers.lend() as db:
            return persons.exist(db)

    def open(self, person_id: int, address: str, agent: str) -> str:
        """The token of a new session of a person. Raises StoreUnavailableError."""
        token = secrets.token_urlsafe(32)
        now = self._clock.now()

        def add(db: Transaction) -> None:
            persons.open_session(db, _digest(token), person_id, now, address, agent[:200], SESSIONS_KEPT)

        self._store.write(add)
        return token

    def find(self, token: str) -> Viewer | None:
        """The person with this token; None where the session has ended. Raises StoreUnavailableError."""
        with self._store.readers.lend() as db:
            found = persons.session(db, _digest(token))
            if found is None:
                return None
            session, person = found
            if person.company_id is not None and not accounts.company_exists(db, person.company_id):
                return None
        now = self._clock.now()
        # The clock may have jumped back: a session from a time ahead would otherwise last until then.
        age, idle = abs(now - session.created_at), abs(now - session.seen_at)
        if not person.active or idle > IDLE or age > LONGEST:
            return None
        if abs(now - session.seen_at) > _NOTED_EVERY:
            self._note(session.id, now)
        return Viewer(
            person.id,
            session.id,
            person.login,
            person.name,
            Role(person.role),
            person.company_id,
            person.language,
        )

    def close(self, token: str) -> None:
        """End the session with this token. Raises StoreUnavailableError."""
        self._store.write(lambda db: persons.close_session(db, _digest(token)))

    def _note(self, session_id: int, now: int) -> None:
        try:
            self._store.write(lambda db: persons.note_seen(db, session_id, now))
        except StoreUnavailableError:
            return  # the disk is full or broken: the pages that say so must still be shown


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def is_login(text: str) -> bool:
    """Whether a text can be the login of a person: letters, digits, `.`, `-`, `_` and `@`."""
    return 0 < len(text) <= 64 and all(each.isalnum() or each in ".-_@" for each in text)
