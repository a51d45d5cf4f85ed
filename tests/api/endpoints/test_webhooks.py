"""The endpoints under /webhooks over HTTP: rights, isolation, validation, secrets, tests, deliveries and replays."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook

from gatewayd.accounts.authenticator import new_key
from gatewayd.admin import commands
from gatewayd.records import EventType
from gatewayd.store.tables import accounts, events
from tests.api.api_server import DEADLINE_S, ApiServer
from tests.conftest import eventually
from tests.gatewayd.played_ports import administration_context
from tests.gatewayd.webhooks.receiver import Answer, Received, Receiver, open_way

PRIVATE = "http://192.168.77.1/hook"
PUBLIC = "https://8.8.8.8/hook"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    server = ApiServer(tmp_path, webhook_way=open_way())
    server.played.clock.at = time.time_ns() // 1000  # receivers compare the time stamps with theirs
    yield server
    server.close()


class Client:
    """A client with a new key."""

    def __init__(
        self,
        server: ApiServer,
        company: int | None = None,
        *,
        admin: bool = False,
        rights: str = "webhooks",
        sandbox: bool = False,
    ) -> None:
        made, owner = new_key(), company or server.played.company
        self.key_id = server.played.store.write(
            lambda db: accounts.add_key(
                db,
                owner,
                made.prefix,
                made.digest,
                service="sms",
                admin=admin,
                expires_at=None,
                now=0,
                rights=rights,
                sandbox=sandbox,
            )
        )
        self._url = f"{server.url}/api/webhooks"
        self._headers = {"X-API-Key": made.key}

    def call(self, method: str, path: str = "", body: Any = None, **query: Any) -> requests.Response:
        return requests.request(
            method,
            self._url + path,
            json=body,
            params=query,
            headers=self._headers,
            timeout=DEADLINE_S * 2,
        )

    def ok(self, method: str, path: str = "", body: Any = None, expect: int = 200, **query: Any) -> Any:
        """`data` of a success."""
        answer = self.call(method, path, body, **query)
        assert answer.status_code == expect, answer.text
        assert answer.json()["success"] is True
        return answer.json()["data"]

    def refused(self, method: str, path: str = "", body: Any = None, **query: Any) -> tuple[int, str]:
        """Status and code of a refusal."""
        answer = self.call(method, path, body, **query)
        content = answer.json()
        assert content["success"] is False, content
        return answer.status_code, content["error"]

    def faults(self, body: Any, path: str = "", method: str = "POST") -> dict[str, str]:
        """The invalid fields of a body, with their sentences."""
        content = self.call(method, path, body).json()
        assert content["error"] == "invalid_request", content
        return {fault["field"]: fault["message"] for fault in content["data"]["errors"]}


def tell(server: ApiServer, label: object, type_: EventType = EventType.QUOTA_THRESHOLD) -> None:
    played = server.played
    data = {"label": label}
    played.store.write(lambda db: events.write(db, type_, played.company, played.clock.at, data=data))


def test_a_webhook_is_made_with_its_secret_and_delivers_signed_events(server: ApiServer) -> None:
    client = Client(server, admin=True)
    with Receiver() as receiver:
        made = client.ok("POST", body={"url": receiver.url, "description": "My shop"}, expect=201)
        assert made["secret"].startswith("whsec_")
        assert made["state"] == "ok"
        assert made["types"] is None
        assert made["scope"] == "company"
        tell(server, "x")
        [request] = eventually(lambda: receiver.received)
        document = Webhook(made["secret"]).verify(request.body, dict(request.headers))
        assert document["data"] == {"label": "x"}
        assert document["id"] == request.headers["webhook-id"]


def test_the_secret_is_never_shown_again(server: ApiServer) -> None:
    client = Client(server)
    made = client.ok("POST", body={"url": PUBLIC}, expect=201)
    path = f"/{made['id']}"
    answers = [client.call("GET"), client.call("GET", path), client.call("PATCH", path, {"state": "ok"})]
    rotated = client.ok("POST", f"{path}/rotate")
    answers += [client.call("GET", path), client.call("DELETE", path)]
    assert rotated["secret"] != made["secret"]
    assert not [answer for answer in answers if "whsec_" in answer.text or "secret" in answer.json()["data"]]


def test_only_a_key_with_the_right_manages_webhooks(server: ApiServer) -> None:
    made = Client(server).ok("POST", body={"url": PUBLIC}, expect=201)
    path, refused = f"/{made['id']}", (403, "not_permitted")
    for client in (Client(server, rights="transactional"), Client(server, admin=True, rights="")):
        assert client.refused("POST", body={"url": PUBLIC}) == refused
        assert client.refused("GET") == refused
        assert client.refused("GET", path) == refused
        assert client.refused("PATCH", path, {}) == refused
        assert client.refused("DELETE", path) == refused
        assert client.refused("POST", f"{path}/rotate") == refused
        assert client.refused("POST", f"{path}/test") == refused
        assert client.refused("GET", f"{path}/deliveries") == refused
        assert client.refused("POST", f"{path}/replay") == refused


def test_another_companys_webhook_does_not_exist(server: ApiServer) -> None:
    played = server.played
    other = played.store.write(lambda db: accounts.add_company(db, "Other", None, 0))
    own, foreign, sandbox = Client(server), Client(server, other), Client(server, sandbox=True)
    made = own.ok("POST", body={"url": PUBLIC}, expect=201)
    box = Client(server, admin=True).ok("POST", body={"url": PUBLIC, "scope": "box"}, expect=201)
    assert box["scope"] == "box"
    for client, hidden in ((foreign, made), (sandbox, made), (own, box)):
        assert hidden["id"] not in [each["id"] for each in client.ok("GET")]
        path = f"/{hidden['id']}"
        for method, place in (
            *(("GET", path), ("PATCH", path), ("DELETE", path), ("GET", f"{path}/deliveries")),
            *(("POST", f"{path}/{action}") for action in ("rotate", "test", "replay")),
        ):
            assert client.refused(method, place, {}) == (404, "not_found")
    assert own.ok("GET", f"/{made['id']}")["id"] == made["id"]
    for unknown in ("999", "0", "-1", "1.0", "x", "9" * 30):
        assert own.refused("GET", f"/{unknown}") == (404, "not_found")


def test_the_scope_box_is_for_administration_keys(server: ApiServer) -> None:
    body = {"url": PUBLIC, "scope": "box"}
    assert Client(server).refused("POST", body=body) == (403, "admin_required")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["url"]),
        ({"url": 1}, ["url"]),
        ({"url": "ftp://example.com"}, ["url"]),
        ({"url": "http://example.com/\r\nX: y"}, ["url"]),
        ({"url": "http://user:word@example.com/"}, ["url"]),
        ({"url": "http://127.0.0.2.nip.io\t/"}, ["url"]),
        ({"url": PRIVATE}, ["url"]),
        ({"url": "http://[::ffff:192.168.77.1]/"}, ["url"]),
        ({"url": "http://169.254.169.254/latest"}, ["url"]),
        ({"url": "https://example.com/" + "a" * 2000}, ["url"]),
        ({"url": PUBLIC, "types": []}, ["types"]),
        ({"url": PUBLIC, "types": ["message.sent", "nonsense"]}, ["types"]),
        ({"url": PUBLIC, "types": ["port.down"]}, ["types"]),
        ({"url": PUBLIC, "types": "message.sent"}, ["types"]),
        ({"url": PUBLIC, "types": [1]}, ["types.0"]),
        ({"url": PUBLIC, "description": "two\nlines"}, ["description"]),
        ({"url": PUBLIC, "description": "x" * 201}, ["description"]),
        ({"url": PUBLIC, "description": "\x1b[31mred"}, ["description"]),
        ({"url": PUBLIC, "scope": "all"}, ["scope"]),
        ({"url": "x", "types": [], "description": "\n"}, ["description", "types", "url"]),
    ],
)
def test_a_body_with_faults_tells_them_all(
    server: ApiServer, body: dict[str, Any], fields: list[str]
) -> None:
    found = Client(server).faults(body)
    assert sorted(found) == fields
    assert all(found.values())


def test_a_private_address_is_for_administration_keys_also_in_a_change(server: ApiServer) -> None:
    client, admin = Client(server), Client(server, admin=True)
    made = admin.ok("POST", body={"url": PRIVATE}, expect=201)
    assert list(client.faults({"url": "http://192.168.77.2/"}, f"/{made['id']}", "PATCH")) == ["url"]
    assert client.ok("PATCH", f"/{made['id']}", {"description": "x"})["url"] == PRIVATE
    # A name is judged at each attempt, with the rights of the key that chose it.
    client.ok("PATCH", f"/{made['id']}", {"url": "http://localhost.localdomain:1/"})
    private = server.played.row("SELECT private FROM webhooks WHERE id = ?", made["id"])[0]
    assert private == 0


def test_changes_keep_what_is_not_named(server: ApiServer) -> None:
    client = Client(server)
    made = client.ok("POST", body={"url": PUBLIC, "types": ["message.sent"], "description": "a"}, expect=201)
    path = f"/{made['id']}"
    changed = client.ok("PATCH", path, {"description": "b", "url": None})
    assert (changed["url"], changed["types"], changed["description"]) == (PUBLIC, ["message.sent"], "b")
    assert client.ok("PATCH", path, {"types": None})["types"] is None
    assert client.ok("PATCH", path, {"state": "disabled"})["state"] == "disabled"
    assert client.ok("PATCH", path, {"state": "ok"})["state"] == "ok"
    assert list(client.faults({"state": "paused"}, path, "PATCH")) == ["state"]
    assert client.ok("DELETE", path)["id"] == made["id"]
    assert client.refused("GET", path) == (404, "not_found")
    assert client.ok("GET") == []


def test_the_twenty_first_webhook_is_refused(server: ApiServer) -> None:
    client = Client(server)
    for _ in range(20):
        client.ok("POST", body={"url": PUBLIC}, expect=201)
    assert client.refused("POST", body={"url": PUBLIC}) == (409, "conflict")


def test_a_second_rotation_within_a_day_is_a_conflict_unless_it_revokes(server: ApiServer) -> None:
    client = Client(server)
    path = f"/{client.ok('POST', body={'url': PUBLIC}, expect=201)['id']}/rotate"
    first = client.ok("POST", path)
    assert first["old_secret_until"] is not None
    assert client.refused("POST", path, {}) == (409, "conflict")
    assert client.refused("POST", path, {"revoke": False}) == (409, "conflict")
    assert client.ok("POST", path, {"revoke": True})["secret"] != first["secret"]
    assert client.faults({"revoke": "yes"}, path) == {"revoke": "must be true or false"}


def test_a_test_tells_the_answer_to_administrators_and_the_result_to_all(server: ApiServer) -> None:
    def answer(_: Received) -> Answer:
        return Answer(418, {}, b"teapot " * 1000)

    admin, client = Client(server, admin=True), Client(server)
    with Receiver(answer) as receiver:
        made = admin.ok("POST", body={"url": receiver.url}, expect=201)
        path = f"/{made['id']}/test"
        told = admin.ok("POST", path)
        assert told["status_code"] == 418
        assert told["error"] == "The receiver answered 418."
        assert told["response"] == ("teapot " * 1000)[:1000]
        assert isinstance(told["duration_ms"], int)
        assert client.ok("POST", path)["response"] is None
        receiver.answer = lambda _: Answer(204)
        assert client.ok("POST", path) | {"duration_ms": 0} == {
            "status_code": 204,
            "duration_ms": 0,
            "error": None,
            "response": None,
        }
        body = Webhook(made["secret"]).verify(receiver.received[-1].body, dict(receiver.received[-1].headers))
        assert body["type"] == "webhook.test"
        assert admin.ok("GET", f"/{made['id']}")["state"] == "ok"  # a test changes no state
    assert admin.ok("POST", path)["status_code"] is None


def test_deliveries_are_listed_newest_first_with_their_attempts(server: ApiServer) -> None:
    admin = Client(server, admin=True)

    def refuses_odd(request: Received) -> Answer:
        return Answer(500 if b'"label":1' in request.body else 200)

    with Receiver(refuses_odd) as receiver:
        made = admin.ok("POST", body={"url": receiver.url}, expect=201)
        path = f"/{made['id']}/deliveries"
        for label in (0, 1, 2):
            tell(server, label)

        def all_tried() -> Any:
            found = admin.ok("GET", path)
            return found if len(found) == 3 and all(one["attempts"] for one in found) else None

        listed = eventually(all_tried)
        admin.ok("PATCH", f"/{made['id']}", {"state": "disabled"})
        tell(server, 3)
        newest = admin.ok("GET", path)[0]
    assert [one["status"] for one in listed] == ["delivered", "pending", "delivered"]
    assert listed[1]["attempts"][0] | {"duration_ms": 0, "at": ""} == {
        "at": "",
        "status_code": 500,
        "duration_ms": 0,
        "error": "The receiver answered 500.",
    }
    assert listed[1]["next_attempt_at"] > listed[1]["attempts"][0]["at"]
    assert listed[0]["next_attempt_at"] is None
    assert listed[0]["event"]["type"] == "quota.threshold"
    assert (newest["status"], newest["attempts"]) == ("pending", [])
    first = admin.call("GET", path, limit=2).json()
    second = admin.call("GET", path, limit=2, cursor=first["next_cursor"]).json()
    assert [one["event"]["id"] for one in first["data"] + second["data"]] == [
        newest["event"]["id"],
        *(one["event"]["id"] for one in listed),
    ]
    assert second["next_cursor"] is None
    assert len(admin.ok("GET", path, status="delivered")) == 2
    assert len(admin.ok("GET", path, status="pending")) == 2
    assert admin.ok("GET", path, status="failed") == []


def test_a_filter_of_deliveries_with_faults_is_refused(server: ApiServer) -> None:
    client = Client(server)
    made = client.ok("POST", body={"url": PUBLIC}, expect=201)
    answer = client.call("GET", f"/{made['id']}/deliveries", limit=0, cursor="x", status="late")
    assert sorted(fault["field"] for fault in answer.json()["data"]["errors"]) == [
        "cursor",
        "limit",
        "status",
    ]


def test_events_are_sent_again_by_id_time_and_outcome(server: ApiServer) -> None:
    admin = Client(server, admin=True)
    with Receiver() as receiver:
        made = admin.ok("POST", body={"url": receiver.url, "types": ["quota.threshold"]}, expect=201)
        path = f"/{made['id']}/replay"
        for label in range(3):
            tell(server, label)
            server.played.clock.at += 1_000_000
        tell(server, "other type", EventType.OPT_OUT_CHANGED)

        def delivered() -> Any:
            return admin.ok("GET", f"/{made['id']}/deliveries", status="delivered")

        eventually(lambda: len(delivered()) == 3)
        assert admin.ok("POST", path) == {"queued": 0, "complete": True}  # nothing failed
        ids = receiver.ids()
        assert admin.ok("POST", path, {"event_id": ids[1]})["queued"] == 1
        eventually(lambda: receiver.ids() == [*ids, ids[1]])
        eventually(lambda: len(delivered()) == 3)  # results are stored a second later
        since = delivered()[1]["event"]["timestamp"]
        assert admin.ok("POST", path, {"since": since, "only": "all"})["queued"] == 2
        eventually(lambda: sorted(receiver.ids()) == sorted([*ids, ids[1], ids[1], ids[2]]))
        eventually(lambda: len(delivered()) == 3)
        assert admin.ok("POST", path, {"until": since, "only": "all"})["queued"] == 1
        eventually(lambda: receiver.ids().count(ids[0]) == 2)
        bodies = {request.headers["webhook-id"]: request.body for request in receiver.received}
        assert [request.body for request in receiver.received] == [bodies[each] for each in receiver.ids()]


def test_a_replay_with_faults_is_refused(server: ApiServer) -> None:
    client = Client(server)
    path = f"/{client.ok('POST', body={'url': PUBLIC}, expect=201)['id']}/replay"
    for body, field in (
        ({"since": "2027-01-31"}, "since"),
        ({"until": "yesterday"}, "until"),
        ({"since": 1}, "since"),
        ({"only": "some"}, "only"),
        ({"event_id": "evt_00000000_1"}, "event_id"),
        ({"event_id": "nonsense"}, "event_id"),
        ({"event_id": "evt_" + "9" * 40}, "event_id"),
    ):
        assert list(client.faults(body, path)) == [field]


def test_deactivating_a_key_disables_its_webhooks_and_tells_it(server: ApiServer) -> None:
    maker, keeper = Client(server, admin=True), Client(server, admin=True)
    with Receiver() as receiver, Receiver() as other:
        made = maker.ok("POST", body={"url": receiver.url}, expect=201)
        keeper.ok("POST", body={"url": other.url, "types": ["webhook.paused"]}, expect=201)
        arguments = {"key": maker.key_id, "changes": {"active": False}}
        commands.run(administration_context(server.played), "key.set", arguments)
        [request] = eventually(lambda: other.received)
        assert b'"reason":"key_deactivated"' in request.body
        tell(server, "x")
        shown = keeper.ok("GET", f"/{made['id']}")
        assert (shown["state"], shown["reason"]) == ("disabled", "key_deactivated")
        assert receiver.received == []
        keeper.ok("PATCH", f"/{made['id']}", {"state": "ok"})
        eventually(lambda: len(receiver.received) == 2)  # what it missed: its own end, and x
