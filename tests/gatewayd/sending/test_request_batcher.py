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

CALLS = 8


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path, max_pending=20)
    played.up(1, "8922301000000000001")
    played.up(2, "8922301000000000002")
    yield played
    played.close()


def run_concurrently(
    store: Store, calls: Sequence[Callable[[], MessageRecord | Replay]]
) -> list[MessageRecord | Replay | Exception]:
    """The results and errors of calls that all wait for a busy writer."""

    def outcome(call: Callable[[], MessageRecord | Replay]) -> MessageRecord | Replay | Exception:
        started.release()
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - the test compares it
            return error

    started, go_on = threading.Semaphore(0), threading.Event()
    with ThreadPoolExecutor(len(calls) + 1) as pool:
        busy = pool.submit(store.write, lambda _: go_on.wait(60))
        futures = [pool.submit(outcome, call) for call in calls]
        for _ in calls:
            started.acquire()
        go_on.set()
        assert busy.result(60)
        return [result.result(60) for result in futures]


def send_calls(
    played: PlayedGateway, count: int, key: Idempotency | None = None
) -> list[Callable[[], MessageRecord | Replay]]:
    return [
        lambda n=n: played.gateway.submit(played.caller, Draft(RECIPIENT, f"text {n}"), Options(), key, 0)[0]  # type: ignore[misc]
        for n in range(count)
    ]


def test_each_request_gets_its_own_message(played: PlayedGateway) -> None:
    results = run_concurrently(played.store, send_calls(played, CALLS))
    views = [result for result in results if isinstance(result, MessageRecord)]
    assert [view.text for view in views] == [f"text {n}" for n in range(CALLS)]
    assert views == [played.view(view.sms_id) for view in views]
    assert len({view.task_id for view in views}) == CALLS
    assert sorted(view.sim_number for view in views) == ["+22370000001"] * 4 + ["+22370000002"] * 4


def test_a_quota_holds_for_all_requests_of_a_group(played: PlayedGateway) -> None:
    played.store.write(lambda db: accounts.update(db, "companies", played.company, {"quota": 5}))
    results = run_concurrently(played.store, send_calls(played, CALLS))
    assert sum(isinstance(result, MessageRecord) for result in results) == 5
    assert sum(isinstance(result, QuotaExceededError) for result in results) == CALLS - 5
    assert played.gateway.quota(played.caller).used == 5


def test_the_limits_of_a_sim_and_of_the_queue_hold_for_all_requests_of_a_group(played: PlayedGateway) -> None:
    played.set_sim("8922301000000000001", daily_limit=3)
    results = run_concurrently(played.store, send_calls(played, 24))
    numbers = [result.sim_number for result in results if isinstance(result, MessageRecord)]
    assert (len(numbers), numbers.count("+22370000001")) == (20, 3)
    assert sum(isinstance(result, QueueFullError) for result in results) == 4


def test_one_of_the_requests_with_the_same_idempotency_key_is_accepted(played: PlayedGateway) -> None:
    results = run_concurrently(played.store, send_calls(played, CALLS, Idempotency("once", b"same")))
    assert sum(isinstance(result, MessageRecord) for result in results) == 1
    assert sum(isinstance(result, ConflictError) for result in results) == CALLS - 1
    assert played.row("SELECT count(*) FROM messages")[0] == 1


def test_a_request_with_an_error_fails_alone(played: PlayedGateway) -> None:
    def work(db: Connection, items: Sequence[str]) -> list[int]:
        db.executemany("INSERT INTO companies (name, created_at) VALUES (?, 0)", [(item,) for item in items])
        return [len(item) for item in items]

    batcher = RequestBatcher(played.store, work)
    go_on = threading.Event()
    with ThreadPoolExecutor(CALLS + 1) as pool:
        busy = pool.submit(played.store.write, lambda _: go_on.wait(60))
        names = [f"name {n}" for n in range(CALLS - 1)]
        futures = [pool.submit(batcher.do, name) for name in names]
        invalid = pool.submit(batcher.do, "\ud800")  # UTF-8 cannot encode it
        eventually(lambda: all(result.running() for result in (*futures, invalid)))
        go_on.set()
        assert busy.result(60)
        with pytest.raises(UnicodeEncodeError):
            invalid.result(60)
        assert [result.result(60) for result in futures] == [6] * len(names)
    stored = played.row("SELECT count(*), count(DISTINCT name) FROM companies WHERE name LIKE 'name %'")
    assert tuple(stored) == (len(names), len(names))


def test_a_request_after_a_refused_one_is_accepted(played: PlayedGateway) -> None:
    batcher: RequestBatcher[str, str] = RequestBatcher(played.store, lambda _, items: list(items))
    played.store.close()
    with pytest.raises(StoreUnavailableError):
        batcher.do("refused")
    played.store.open()
    assert batcher.do("accepted") == "accepted"
