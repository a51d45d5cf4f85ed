"""Requests that arrive at the same time share one transaction, and each gets its own result."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gatewayd.errors import ConflictError, QueueFullError, QuotaExceededError
from gatewayd.records import Draft, Idempotency, MessageRecord, Options, Replay
from gatewayd.sending.request_batcher import RequestBatcher
from gatewayd.store.engine.connection import Connection
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.store import Store
from gatewayd.store.tables import accounts
from tests.conftest import eventually
from tests.gatewayd.played_ports import RECIPIENT, PlayedGateway

AT_ONCE = 8


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    built = PlayedGateway(tmp_path, max_pending=20)
    built.up(1, "8922301000000000001")
    built.up(2, "8922301000000000002")
    yield built
    built.close()


def all_at_once(
    store: Store, calls: Sequence[Callable[[], MessageRecord | Replay]]
) -> list[MessageRecord | Replay | Exception]:
    """The results and errors of calls that all wait for a busy writer."""

    def outcome(call: Callable[[], MessageRecord | Replay]) -> MessageRecord | Replay | Exception:
        begun.release()
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - the test compares it
            return error

    begun, free = threading.Semaphore(0), threading.Event()
    with ThreadPoolExecutor(len(calls) + 1) as pool:
        busy = pool.submit(store.write, lambda _: free.wait(60))
        asked = [pool.submit(outcome, call) for call in calls]
        for _ in calls:
            begun.acquire()
        free.set()
        assert busy.result(60)
        return [one.result(60) for one in asked]


def sends(
    played: PlayedGateway, count: int, key: Idempotency | None = None
) -> list[Callable[[], MessageRecord | Replay]]:
    return [
        lambda n=n: played.gateway.submit(played.caller, Draft(RECIPIENT, f"text {n}"), Options(), key, 0)[0]  # type: ignore[misc]
        for n in range(count)
    ]


def test_each_request_gets_its_own_message(played: PlayedGateway) -> None:
    told = all_at_once(played.store, sends(played, AT_ONCE))
    views = [one for one in told if isinstance(one, MessageRecord)]
    assert [view.text for view in views] == [f"text {n}" for n in range(AT_ONCE)]
    assert views == [played.view(view.sms_id) for view in views]
    assert len({view.task_id for view in views}) == AT_ONCE
    assert sorted(view.sim_number for view in views) == ["+22370000001"] * 4 + ["+22370000002"] * 4


def test_a_quota_holds_for_all_requests_of_a_group(played: PlayedGateway) -> None:
    played.store.write(lambda db: accounts.update(db, "companies", played.company, {"quota": 5}))
    told = all_at_once(played.store, sends(played, AT_ONCE))
    assert sum(isinstance(one, MessageRecord) for one in told) == 5
    assert sum(isinstance(one, QuotaExceededError) for one in told) == AT_ONCE - 5
    assert played.gateway.quota(played.caller).used == 5


def test_the_limits_of_a_sim_and_of_the_queue_hold_for_all_requests_of_a_group(played: PlayedGateway) -> None:
    played.set_sim("8922301000000000001", daily_limit=3)
    told = all_at_once(played.store, sends(played, 24))
    numbers = [one.sim_number for one in told if isinstance(one, MessageRecord)]
    assert (len(numbers), numbers.count("+22370000001")) == (20, 3)
    assert sum(isinstance(one, QueueFullError) for one in told) == 4


def test_one_of_the_requests_with_the_same_idempotency_key_is_accepted(played: PlayedGateway) -> None:
    told = all_at_once(played.store, sends(played, AT_ONCE, Idempotency("once", b"same")))
    assert sum(isinstance(one, MessageRecord) for one in told) == 1
    assert sum(isinstance(one, ConflictError) for one in told) == AT_ONCE - 1
    assert played.row("SELECT count(*) FROM messages")[0] == 1


def test_a_request_with_an_error_fails_alone(played: PlayedGateway) -> None:
    def work(db: Connection, items: Sequence[str]) -> list[int]:
        db.executemany("INSERT INTO companies (name, created_at) VALUES (?, 0)", [(item,) for item in items])
        return [len(item) for item in items]

    together = RequestBatcher(played.store, work)
    free = threading.Event()
    with ThreadPoolExecutor(AT_ONCE + 1) as pool:
        busy = pool.submit(played.store.write, lambda _: free.wait(60))
        names = [f"name {n}" for n in range(AT_ONCE - 1)]
        asked = [pool.submit(together.do, name) for name in names]
        bad = pool.submit(together.do, "\ud800")  # UTF-8 cannot encode it
        eventually(lambda: all(one.running() for one in (*asked, bad)))
        free.set()
        assert busy.result(60)
        with pytest.raises(UnicodeEncodeError):
            bad.result(60)
        assert [one.result(60) for one in asked] == [6] * len(names)
    kept = played.row("SELECT count(*), count(DISTINCT name) FROM companies WHERE name LIKE 'name %'")
    assert tuple(kept) == (len(names), len(names))


def test_a_request_after_a_refused_one_is_accepted(played: PlayedGateway) -> None:
    together: RequestBatcher[str, str] = RequestBatcher(played.store, lambda _, items: list(items))
    played.store.close()
    with pytest.raises(StoreUnavailableError):
        together.do("refused")
    played.store.open()
    assert together.do("taken") == "taken"
