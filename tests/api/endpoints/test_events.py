"""GET /events over HTTP: pages, filters, isolation, and clients that wait."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from gatewayd.accounts.authenticator import new_key
from gatewayd.records import EventType
from gatewayd.store.tables import accounts
from gatewayd.store.tables import events as table
from modem.port.status import Answer
from tests.api.api_server import DEADLINE_S, ApiServer
from tests.conftest import eventually

THREADS = 12
PATH = "/api/events"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    server = ApiServer(tmp_path, threads=THREADS)
    yield server
    server.close()


def key(server: ApiServer, company: int | None = None, *, admin: bool = False, sandbox: bool = False) -> str:
    """A new key, by default of the company of the tests."""
    made, owner = new_key(), company or server.played.company
    server.played.store.write(
        lambda db: accounts.add_key(
            db,
            owner,
            made.prefix,
            made.digest,
            service="sms",
            admin=admin,
            expires_at=None,
            now=0,
            sandbox=sandbox,
        )
    )
    return made.key


def tell(
    server: ApiServer,
    type_: EventType = EventType.OPT_OUT_CHANGED,
    company: int | None = 1,
    *,
    sandbox: bool = False,
    **data: object,
) -> None:
    server.played.store.write(lambda db: table.write(db, type_, company, 1, data=data, sandbox=sandbox))


def ask(server: ApiServer, secret: str | None = None, **query: Any) -> requests.Response:
    return requests.get(
        server.url + PATH, query, headers={"X-API-Key": secret or server.key}, timeout=DEADLINE_S * 2
    )


def types(answer: requests.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [event["type"] for event in answer.json()["data"]]


def faults(answer: requests.Response) -> list[str]:
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    return [fault["field"] for fault in answer.json()["data"]["errors"]]


def test_a_page_has_events_in_order_and_the_cursor_of_the_next(server: ApiServer) -> None:
    for number in range(3):
        tell(server, number=number)
    first = ask(server, limit=2).json()
    assert first["success"] is True
    assert (first["reset"], first["more"]) == (False, True)
    assert [event["data"] for event in first["data"]] == [{"number": 0}, {"number": 1}]
    assert set(first["data"][0]) == {"id", "type", "timestamp", "data"}
    assert first["data"][0]["timestamp"] == "1970-01-01T00:00:00.000001Z"
    second = ask(server, after=first["next_cursor"]).json()
    assert [event["data"] for event in second["data"]] == [{"number": 2}]
    last = ask(server, after=second["next_cursor"]).json()
    assert (last["data"], last["next_cursor"], last["more"]) == ([], second["next_cursor"], False)


def test_keys_see_the_events_of_their_company_administrators_those_of_the_box_sandbox_keys_their_own(
    server: ApiServer,
) -> None:
    other = server.played.store.write(lambda db: accounts.add_company(db, "Other", None, 0))
    tell(server, EventType.QUOTA_THRESHOLD)
    tell(server, EventType.OPT_OUT_CHANGED, other)
    tell(server, EventType.PORT_DOWN, None)
    tell(server, EventType.WEBHOOK_PAUSED, sandbox=True)
    assert types(ask(server)) == ["quota.threshold"]
    assert types(ask(server, key(server, other))) == ["opt_out.changed"]
    assert types(ask(server, key(server, admin=True))) == ["quota.threshold", "port.down"]
    assert types(ask(server, key(server, sandbox=True))) == ["webhook.paused"]
    assert types(ask(server, key(server, admin=True, sandbox=True))) == ["webhook.paused"]


def test_types_are_separated_by_commas_or_repeated(server: ApiServer) -> None:
    for type_ in (EventType.QUOTA_THRESHOLD, EventType.OPT_OUT_CHANGED, EventType.WEBHOOK_PAUSED):
        tell(server, type_)
    both = ["quota.threshold", "webhook.paused"]
    assert types(ask(server, types="webhook.paused,quota.threshold")) == both
    assert types(ask(server, types=["quota.threshold", "webhook.paused"])) == both
    assert len(types(ask(server, types=""))) == 3


def test_invalid_parameters_are_refused_by_name(server: ApiServer) -> None:
    query = {"after": "yesterday", "types": "message.sent,message.lost", "limit": "0", "wait": "61"}
    assert faults(ask(server, **query)) == ["types", "after", "limit", "wait"]
    assert faults(ask(server, wait="soon")) == ["wait"]


def test_a_cursor_of_another_database_begins_again(server: ApiServer) -> None:
    tell(server)
    answer = ask(server, after="12345678-12345678-99").json()
    assert (answer["reset"], len(answer["data"])) == (True, 1)


def test_a_key_is_needed(server: ApiServer) -> None:
    answer = requests.get(server.url + PATH, timeout=DEADLINE_S)
    assert answer.json()["error"] == "missing_api_key"


class Waiting(threading.Thread):
    """A client that waits up to a minute; it asks again where too many wait already."""

    def __init__(self, server: ApiServer, secret: str | None = None) -> None:
        super().__init__()
        self._server, self._secret = server, secret
        self.answer: requests.Response | None = None
        self.start()

    def run(self) -> None:
        headers = {"X-API-Key": self._secret or self._server.key}
        while self.answer is None or "Retry-After" in self.answer.headers:
            self.answer = requests.get(
                self._server.url + PATH, {"wait": 60}, headers=headers, timeout=DEADLINE_S * 3
            )

    def done(self) -> requests.Response:
        self.join(DEADLINE_S * 3)
        assert self.answer is not None
        return self.answer


def full(server: ApiServer) -> bool:
    """Whether the next client that wants to wait is answered at once."""
    answer = ask(server, wait=1)
    return answer.headers.get("Retry-After") == "2" and answer.json()["data"] == []


def test_waiting_clients_learn_of_an_event_and_only_a_quarter_of_the_threads_waits(server: ApiServer) -> None:
    waiting = [Waiting(server) for _ in range(THREADS // 4)]
    eventually(lambda: full(server))
    assert all(client.is_alive() for client in waiting)
    tell(server)
    assert [types(client.done()) for client in waiting] == [["opt_out.changed"]] * len(waiting)
    last = waiting[0].done().json()["next_cursor"]
    assert "Retry-After" not in ask(server, after=last, wait=1).headers


def test_a_client_that_disconnects_frees_its_place(server: ApiServer) -> None:
    request = f"GET {PATH}?wait=60 HTTP/1.1\r\nHost: x\r\nX-API-Key: {server.key}\r\n\r\n".encode()
    gone: list[socket.socket] = []

    def filled() -> bool:
        """Add a client until all places are taken: one that comes while `full` looks is answered at once."""
        if full(server):
            return True
        gone.append(server.connect())
        gone[-1].sendall(request)
        return False

    eventually(filled)
    for client in gone:
        client.close()
    eventually(lambda: not full(server))


def test_a_waiting_client_is_answered_when_the_gateway_stops(tmp_path: Path) -> None:
    server = ApiServer(tmp_path, threads=4)
    waiting = Waiting(server)
    eventually(lambda: full(server))
    server.server.refuse()
    server.played.gateway.stop(1)
    assert types(waiting.done()) == []
    assert server.server.stop(DEADLINE_S)
    server.played.store.close()


def test_requests_that_wait_of_all_kinds_leave_two_threads_for_others(server: ApiServer) -> None:
    def send() -> None:
        body = {"recipient": "+22370123456", "message": "waits for a modem"}
        headers = {"X-API-Key": server.key, "Prefer": "wait=60"}
        requests.post(server.url + "/api/sms/send", json=body, headers=headers, timeout=DEADLINE_S * 3)

    refused: list[str] = []

    def test_connection() -> None:
        headers = {"X-API-Key": admin}
        url = server.url + "/api/sms/test-connection"
        answer = requests.get(url, headers=headers, timeout=DEADLINE_S * 3).json()
        if not answer["success"]:
            refused.append(answer["error"])

    def begin(count: int, target: Callable[[], None]) -> list[threading.Thread]:
        threads = [threading.Thread(target=target) for _ in range(count)]
        for thread in threads:
            thread.start()
        return threads

    admin = key(server, admin=True)
    sends = begin(THREADS // 2, send)
    eventually(lambda: server.played.row("SELECT count(*) FROM messages")[0] == THREADS // 2)
    waiting = [Waiting(server) for _ in range(THREADS // 4)]
    eventually(lambda: full(server))
    tests = begin(THREADS // 4, test_connection)
    eventually(lambda: refused.count("queue_full") == 2)  # one of the three waits
    assert ask(server).status_code == 200
    for port in server.played.ports.values():
        port.answer.set_result(Answer(1, ok=True, busy=False, detail=""))
    server.played.gateway.stop(1)
    for thread in [*sends, *waiting, *tests]:
        thread.join(DEADLINE_S * 3)
