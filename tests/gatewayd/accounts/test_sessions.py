"""Sessions: their length, their end, and the passwords behind them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatewayd.accounts import passwords
from gatewayd.accounts.persons import IDLE, LONGEST, SESSIONS_KEPT, Sessions
from gatewayd.store.store import Store
from gatewayd.store.tables import accounts, audit_log, persons
from gatewayd.timekeeping.clock import DAY, HOUR, Clock

PASSWORD = "quatre chats dorment"
BEGIN = 1_800_000_000_000_000


class SetClock(Clock):
    """A clock that a test sets."""

    time = BEGIN

    def now(self) -> int:
        """The time that was set."""
        return self.time


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A database with a company."""
    store = Store(Path(tmp_path_factory.mktemp("store")) / "gatewayd.db")
    store.open()
    store.write(lambda db: accounts.add_company(db, "A", None, 0))
    yield store
    store.close()


def person(store: Store, login: str, role: str = "operator", company: int | None = None) -> int:
    """A new person; the id."""
    kept = passwords.hashed(PASSWORD)
    added = store.write(lambda db: persons.add(db, login, login, role, company, kept, BEGIN))
    assert added is not None
    return added


def test_a_session_ends_without_use_and_after_its_longest_time(store: Store) -> None:
    clock = SetClock()
    sessions, who = Sessions(store, clock), person(store, "idle")
    token = sessions.open(who, "192.0.2.1", "")
    clock.time = BEGIN + IDLE
    assert sessions.find(token) is not None  # and this is a use
    clock.time = BEGIN + 2 * IDLE + 1
    assert sessions.find(token) is None
    token = sessions.open(who, "192.0.2.1", "")
    opened = clock.time
    while clock.time < opened + LONGEST - HOUR:
        clock.time += IDLE // 2
        assert (sessions.find(token) is not None) == (clock.time - opened <= LONGEST)
    clock.time = opened + LONGEST + 1
    assert sessions.find(token) is None


def test_a_session_from_a_time_ahead_has_ended(store: Store) -> None:
    clock = SetClock()
    clock.time = BEGIN + 3650 * DAY
    sessions = Sessions(store, clock)
    token = sessions.open(person(store, "ahead"), "192.0.2.1", "")
    assert sessions.find(token) is not None
    clock.time = BEGIN
    assert sessions.find(token) is None


def test_a_session_ends_with_its_person_and_company(store: Store) -> None:
    sessions, who = Sessions(store, SetClock()), person(store, "ends")
    token = sessions.open(who, "192.0.2.1", "")
    store.write(lambda db: persons.update(db, who, {"active": False}))
    assert sessions.find(token) is None
    assert sessions.log_in("ends", PASSWORD, "192.0.2.1", "") is None
    of_company = person(store, "of-company", "company", 99)
    assert sessions.find(sessions.open(of_company, "192.0.2.1", "")) is None
    store.write(lambda db: persons.remove(db, who))
    assert sessions.find(token) is None


def test_a_person_has_few_sessions(store: Store) -> None:
    sessions, who = Sessions(store, SetClock()), person(store, "few")
    tokens = [sessions.open(who, "192.0.2.1", "") for _ in range(SESSIONS_KEPT + 2)]
    assert [sessions.find(token) is not None for token in tokens] == [False] * 2 + [True] * SESSIONS_KEPT


def test_an_address_is_known_while_the_person_has_a_session_from_it(store: Store) -> None:
    sessions, who = Sessions(store, SetClock()), person(store, "known")
    token = sessions.open(who, "192.0.2.1", "")
    assert sessions.known_from("KNOWN", "192.0.2.1")
    assert not sessions.known_from("known", "192.0.2.2")
    assert not sessions.known_from("few", "192.0.2.9")
    sessions.close(token)
    assert not sessions.known_from("known", "192.0.2.1")


def test_a_password_is_the_same_however_its_accents_are_written() -> None:
    kept = passwords.hashed("été à Ségou")  # é as one character
    assert passwords.matches(kept, "e\u0301te\u0301 a\u0300 Se\u0301gou")
    assert not passwords.matches(kept, "ete a Segou")
    assert not passwords.matches(None, "")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10)
@given(st.text(), st.text())
def test_no_text_logs_in_or_is_a_session(store: Store, login: str, password: str) -> None:
    sessions = Sessions(store, SetClock())
    assert sessions.log_in(login, password, "192.0.2.1", "") is None
    assert sessions.find(password) is None


def test_old_entries_of_the_audit_log_and_old_sessions_are_forgotten(store: Store) -> None:
    who = person(store, "old")
    Sessions(store, SetClock()).open(who, "192.0.2.1", "")
    ids = [
        store.write(lambda db, at=at: audit_log.add(db, BEGIN + at, None, "gatewayd", "send", "{}"))  # type: ignore[misc]
        for at in range(5)
    ]
    assert store.write(lambda db: audit_log.forget_before(db, BEGIN + 3, 2))  # there may be more
    assert not store.write(lambda db: audit_log.forget_before(db, BEGIN + 3, 2))
    store.write(lambda db: persons.forget_sessions_before(db, BEGIN))
    with store.readers.lend() as db:
        assert [entry.id for entry in audit_log.page(db, 10)] == ids[:2:-1]
        assert len(persons.sessions(db, who)) == 1
    store.write(lambda db: persons.forget_sessions_before(db, BEGIN + 1))
    with store.readers.lend() as db:
        assert persons.sessions(db, who) == []
