"""The shared store: transactions, repetitions, deadlines, and reading from the local store while PostgreSQL is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from gatewayd.fleet.postgres.errors import (
    CommitUnknownError,
    PostgresAwayError,
    PostgresConflictError,
    PostgresSlowError,
)
from gatewayd.fleet.postgres.pool import Circuit, Pool
from gatewayd.fleet.shared_store import SharedStore
from gatewayd.records import EventType
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.store import Store
from gatewayd.store.tables import accounts, engines, events
from tests.conftest import eventually
from tests.fleet.databases import Database
from tests.fleet.postgres.connections import box_connection, settings_of
from tests.fleet.proxy import Proxy

pytestmark = pytest.mark.postgres


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "gatewayd.db")
    store.open()
    yield store
    store.close()


@pytest.fixture
def proxy(fleet_database: Database) -> Iterator[Proxy]:
    with Proxy(fleet_database.server.port) as proxy:
        yield proxy


@pytest.fixture
def store(fleet_database: Database, proxy: Proxy, local: Store, tmp_path: Path) -> Iterator[SharedStore]:
    settings = settings_of(fleet_database.dsn_through(proxy.port), tmp_path, answer_s=1.0)
    with closing(SharedStore(settings, local)) as store:
        yield store


def add(db: Transaction) -> int:
    return accounts.add_company(db, "a", None, 0)


def companies(store: AnyStore) -> int:
    with store.readers.lend() as db:
        return len(accounts.companies(db, "2027-01"))


def reads_shared(store: SharedStore) -> bool:
    with store.readers.lend() as db:
        return engines.is_shared(db)


def test_it_is_a_store(store: SharedStore, local: Store) -> None:
    """For mypy."""
    both: list[AnyStore] = [store, local]
    assert len(both) == 2


def test_a_function_is_kept_as_a_whole_or_not_at_all(store: SharedStore) -> None:
    def work(db: Transaction) -> None:
        add(db)
        raise KeyError

    assert store.write(add) == 1
    with pytest.raises(KeyError):
        store.write(work)
    store.take(add)
    assert companies(store) == 2
    with store.lists.lend() as db:
        assert engines.is_shared(db)


def test_a_function_that_lost_against_others_runs_again(store: SharedStore) -> None:
    runs = [0]

    def work(db: Transaction) -> int:
        runs[0] += 1
        add(db)
        if runs[0] < 3:
            raise PostgresConflictError("lost")
        return runs[0]

    assert store.write(work) == 3
    assert companies(store) == 1


def test_a_function_that_always_loses_ends(store: SharedStore) -> None:
    def work(_: Transaction) -> None:
        raise PostgresConflictError("lost")

    with pytest.raises(StoreUnavailableError):
        store.write(work, timeout_s=0.2)


def test_fifty_serializable_increments_at_once_are_all_kept(store: SharedStore) -> None:
    store.write(add)

    def work(db: Transaction) -> None:
        db.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        accounts.used(db, 1, "m")  # so that two of them cannot have run one after the other
        accounts.use(db, 1, "m", 1)

    def increment() -> None:
        for _ in range(5):
            store.write(work, timeout_s=60)

    threads = [threading.Thread(target=increment) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    with store.readers.lend() as db:
        assert accounts.used(db, 1, "m") == 50


def test_nothing_comes_between_a_commit_and_what_belongs_to_it(store: SharedStore) -> None:
    memory: list[int] = []

    def work(db: Transaction) -> int:
        seen = len(memory)
        assert len(accounts.companies(db, "m")) == seen
        return add(db)

    threads = [
        threading.Thread(target=lambda: store.write(work, then=memory.append, timeout_s=60)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(memory) == 8


def test_followers_are_told_of_events_and_of_nothing_else(store: SharedStore) -> None:
    told: list[int] = []
    store.follow_events(lambda: told.append(1))
    store.write(add)
    assert told == []
    store.write(lambda db: events.write(db, EventType.PORT_UP, None, 0))
    assert told == [1]

    def fail(db: Transaction) -> None:
        events.write(db, EventType.PORT_UP, None, 0)
        raise KeyError

    with pytest.raises(KeyError):
        store.write(fail)
    store.write(add)
    assert told == [1]


def test_another_box_is_woken_by_events(store: SharedStore, fleet_database: Database, tmp_path: Path) -> None:
    with box_connection(fleet_database, tmp_path, "b") as other:
        other.listen("events")
        store.write(lambda db: events.write(db, EventType.PORT_UP, None, 0))
        assert other.wait_for_notices(60) == ["events"]


def test_reads_go_to_the_local_store_while_postgresql_is_away_and_return_by_themselves(
    store: SharedStore, local: Store, proxy: Proxy
) -> None:
    local.write(add)
    local.write(add)
    store.write(add)
    assert companies(store) == 1
    proxy.refuse()
    proxy.reset()
    assert companies(store) == 2
    assert store.away_since is not None
    with pytest.raises(StoreUnavailableError):
        store.take(add)
    with pytest.raises(StoreUnavailableError), store.readers.lend(only_shared=True):
        pass
    proxy.heal()
    eventually(lambda: reads_shared(store))
    assert store.away is None
    assert companies(store) == 1
    assert store.write(add) == 2


def test_a_silent_network_is_waited_for_once(store: SharedStore, local: Store, proxy: Proxy) -> None:
    """The first reader waits for its deadline and fails, the next one looks for PostgreSQL, and others read locally at once."""
    local.write(add)
    with ExitStack() as lent:  # three connections that lie idle when the network is cut
        for _ in range(3):
            lent.enter_context(store.readers.lend())
    proxy.cut()
    with pytest.raises(StoreUnavailableError):
        companies(store)
    looking = threading.Thread(target=lambda: companies(store))
    looking.start()
    eventually(lambda: store.looks_for_postgresql)
    assert [companies(store) for _ in range(20)] == [1] * 20
    assert store.looks_for_postgresql  # nobody waited for the end of the look, which takes connect_timeout
    looking.join(60)
    proxy.heal()
    eventually(lambda: reads_shared(store))


def test_a_failed_look_is_not_repeated_for_a_second(local: Store, tmp_path: Path) -> None:
    looks: list[float] = []

    def connect() -> None:
        looks.append(time.monotonic())
        raise PostgresAwayError("away")

    circuit = Circuit(connect)  # type: ignore[arg-type]
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        with pytest.raises(PostgresAwayError):
            circuit.connect()
    assert len(looks) == 2
    assert looks[1] - looks[0] >= 1


def test_a_commit_without_an_answer_is_told_to_the_caller(store: SharedStore, proxy: Proxy) -> None:
    told: list[int] = []
    loss = proxy.lose_next_commit_answer()
    with pytest.raises(CommitUnknownError):
        store.write(add, then=told.append)
    assert told == []
    assert loss.done.wait(60)
    eventually(lambda: reads_shared(store))
    assert companies(store) == 1


def test_a_restart_of_postgresql_costs_no_request_that_comes_after_it(
    fleet_database: Database, local: Store, tmp_path: Path
) -> None:
    """The idle connections are known to be broken before one is lent."""
    with closing(SharedStore(settings_of(fleet_database.dsn, tmp_path), local)) as store:
        store.write(add)
        assert companies(store) == 1
        fleet_database.psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gatewayd a'"
        )
        eventually(
            lambda: (
                fleet_database.psql(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'gatewayd a'"
                ).strip()
                == "0"
            )
        )
        assert companies(store) == 1
        assert store.write(add) == 2


def test_connections_that_are_all_lent_are_waited_for_until_the_deadline(
    fleet_database: Database, tmp_path: Path, store: SharedStore
) -> None:
    pool = Pool(Circuit(store.connect), 2, take_timeout_s=0.2)
    with closing(pool), pool.lend(), pool.lend():
        began = time.monotonic()
        with pytest.raises(PostgresSlowError), pool.lend():
            pass
        assert 0.2 <= time.monotonic() - began < 30
    with pytest.raises(StoreUnavailableError), pool.lend():
        pass


def test_a_busy_database_is_not_taken_for_one_that_is_away(
    fleet_database: Database, local: Store, tmp_path: Path
) -> None:
    """Else a list would now and then show this box's messages only."""
    settings = settings_of(fleet_database.dsn, tmp_path)
    with closing(SharedStore(settings, local, busy_timeout_s=0.1)) as store, ExitStack() as lent:
        for _ in range(4):
            lent.enter_context(store.readers.lend())
        with pytest.raises(PostgresSlowError), store.readers.lend():
            pass


def test_a_connection_comes_back_without_a_transaction(store: SharedStore, fleet_database: Database) -> None:
    open_ones = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
    pool = Pool(Circuit(store.connect), 1)
    with closing(pool):
        with pool.lend() as db:
            db.run_script("BEGIN")
        eventually(lambda: fleet_database.psql(open_ones).strip() == "0")
        with pool.lend() as db:
            assert db.is_idle


def test_a_database_of_another_version_is_not_used(
    store: SharedStore, local: Store, fleet_database: Database
) -> None:
    fleet_database.psql("INSERT INTO gatewayd.schema_versions VALUES (99, 0, 99)")
    local.write(add)
    assert companies(store) == 1
    with pytest.raises(StoreUnavailableError, match="newer"):
        store.write(add)
