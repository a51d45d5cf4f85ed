"""Every example of a request in the OpenAPI document works, and every answer has exactly the fields that are documented."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.api.contract_client import TEXT, Tenant, order, sim_of, tenant
from tests.api.documentation.document import DEADLINE_S, Described, Document
from tests.conftest import Running, eventually


@dataclass(frozen=True, slots=True)
class Party:
    """A company with an administration key, a SIM of its own, and something of everything that can be listed."""

    running: Running
    document: Document
    owner: Tenant
    sim_id: int
    port: int

    def call(
        self, operation: Described, body: object = None, query: dict[str, Any] | None = None, **headers: str
    ) -> requests.Response:
        """One request to an operation. Every answer must be as documented."""
        path = {each["name"]: PATHS[each["name"]](self) for each in operation.parameters("path")}
        answer = requests.request(
            operation.method,
            self.document.address(operation, path),
            json=body,
            params=query,
            headers={
                "X-API-Key": self.owner.secret,
                **{name.replace("_", "-"): text for name, text in headers.items()},
            },
            timeout=DEADLINE_S,
        )
        self.document.check(operation, answer)
        return answer

    def opted_out(self) -> str:
        """A number that opted out."""
        number: str = self.owner.client.post("/sms/opt-outs", {"recipient": "+22376000008"}).data["recipient"]
        return number

    def webhook(self) -> str:
        """The id of a new webhook, which has something to deliver. A company may have twenty, so others are removed."""
        for old in self.owner.client.get("/webhooks").data:
            self.owner.client.call("DELETE", f"/webhooks/{old['id']}")
        made = requests.post(
            f"{self.running.url}/webhooks",
            json={"url": "https://shop.example/sms-events"},
            headers={"X-API-Key": self.owner.secret},
            timeout=DEADLINE_S,
        )
        webhook_id = str(made.json()["data"]["id"])
        self.owner.client.post(f"/webhooks/{webhook_id}/replay", {"only": "all"})
        return webhook_id

    def waiting_message(self) -> str:
        """The sms_id of a message that no modem has yet."""
        sent = self.owner.client.bulk([TEXT] * 12, sim_number_id=self.sim_id)
        sms_id: str = sent.content["results"][-1]["sms_id"]
        return sms_id


CAMPAIGN = 31

# Values for the parameters of paths, made anew for each request.
PATHS: dict[str, Callable[[Party], str]] = {
    "sms_id": Party.waiting_message,
    "webhook_id": Party.webhook,
    "campaign_id": lambda _: str(CAMPAIGN),
    "recipient": Party.opted_out,
    "text_id": lambda party: str(party.owner.client.get("/sms/inbox").data[0]["id"]),
    "name": lambda _: "page.js",
}


@pytest.fixture(scope="module")
def party(running: Running) -> Iterator[Party]:
    owner = tenant(running, "--admin", "--may", "transactional,webhooks")
    with sim_of(running, owner) as (sim_id, port):
        party = Party(running, Document.of(running.url), owner, sim_id, port)
        with something_to_list(party):
            yield party


@contextmanager
def something_to_list(party: Party) -> Iterator[None]:
    """A delivered message with its attempt, a text, an opt-out, and a loop test."""
    party.owner.client.post("/sms/opt-outs", {"recipient": "+22376000009"})
    order(party.running, do="incoming", port=party.port, **{"from": "+22376000001"}, text="Merci")
    eventually(lambda: party.owner.client.get("/sms/inbox").data)
    sms_id = party.owner.client.send(campaign_id=CAMPAIGN, reference="order-1042").data["sms_id"]
    party.owner.client.await_status(sms_id, "delivered")
    party.owner.client.post("/sms/loop-test", {"from": "1", "to": "2"}, {"Prefer": "wait=30"})
    yield


def test_every_operation_is_answered_as_documented_for_each_example_of_a_body(party: Party) -> None:
    for operation in party.document.operations:
        for name, body in operation.body_examples.items() or [("no body", None)]:
            # A second loop test can start only when the first has ended.
            answer = party.call(operation, body, Prefer="wait=30")
            assert answer.status_code in (200, 201), f"{operation} {name}: {answer.text}"
            if operation.path == "/sms/opt-outs":  # the other examples send to the same number
                party.owner.client.call("DELETE", f"/sms/opt-outs/{TEXT['recipient']}")


def test_every_parameter_is_taken_with_its_example(party: Party) -> None:
    for operation in party.document.operations:
        for parameter in operation.parameters("query"):
            value = parameter.get("example", parameter["schema"].get("examples", [1])[0])
            value = json.dumps(value) if isinstance(value, bool) else value
            answer = party.call(operation, query={parameter["name"]: value})
            assert answer.status_code == 200, f"{operation} {parameter['name']}: {answer.text}"


def test_the_lists_of_the_examples_were_not_empty(party: Party) -> None:
    party.webhook()
    empty = []
    for operation in party.document.operations:
        answer = party.call(operation) if operation.method == "GET" else None
        if (
            answer is not None
            and "json" in answer.headers["Content-Type"]
            and answer.json().get("data") == []
        ):
            empty.append(str(operation))
    assert empty == []


def test_refusals_of_every_operation_are_as_documented(party: Party) -> None:
    for operation in party.document.operations:
        if operation.keyless:
            assert party.call(operation, X_API_Key="").status_code == 200
            continue
        assert party.call(operation, X_API_Key="").json()["error"] == "missing_api_key"
        assert party.call(operation, X_API_Key="wrong").json()["error"] == "invalid_api_key"


def test_an_operation_for_administrators_refuses_other_keys(party: Party) -> None:
    plain = tenant(party.running).secret
    for operation in party.document.operations:
        if operation.admin:
            assert party.call(operation, X_API_Key=plain).json()["error"] == "admin_required"


def test_faults_of_every_body_and_parameter_are_as_documented(party: Party) -> None:
    for operation in party.document.operations:
        if operation.body_examples:
            answer = party.call(operation, ["a list"])
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), operation
        for parameter in operation.parameters("query"):
            if parameter["schema"] == {"type": "string"}:
                continue  # any text may be meant
            answer = party.call(operation, query={parameter["name"]: "\0"})
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), operation


def test_the_envelopes_of_a_quota_and_of_a_key_that_is_off_are_as_documented(party: Party) -> None:
    poor = tenant(party.running, quota=0)
    (send,) = [each for each in party.document.operations if each.path == "/sms/send"]
    answer = party.call(send, TEXT, X_API_Key=poor.secret)
    assert (answer.status_code, answer.json()["error"]) == (429, "quota_exceeded")
    party.running.cli("key", "set", str(poor.key), "--active", "no")
    assert party.call(send, TEXT, X_API_Key=poor.secret).json()["error"] == "inactive_api_key"
    other = tenant(party.running, "--service", "email")
    assert party.call(send, TEXT, X_API_Key=other.secret).json()["error"] == "service_type_mismatch"


def test_refused_messages_are_as_documented(party: Party) -> None:
    operations = {each.path: each for each in party.document.operations}
    bulk, send = operations["/sms/send-bulk"], operations["/sms/send"]
    mixed = party.call(bulk, {"messages": [TEXT, {"recipient": "1"}, 1]})
    assert [result["success"] for result in mixed.json()["results"]] == [True, False, False]
    none = party.call(bulk, {"messages": [1, 2]})
    assert (none.status_code, none.json()["error"]) == (400, "invalid_request")
    for unknown in (
        party.call(each, {**body, "sim_number_id": 0})
        for each, body in ((send, TEXT), (bulk, {"messages": [TEXT]}))
    ):
        assert (unknown.status_code, unknown.json()["error"]) == (400, "sim_unavailable")
