"""`Idempotency-Key`: a repeated request sends nothing and costs nothing."""

from __future__ import annotations

import uuid
from collections import Counter

import pytest

from tests.api.contract_client import AT_ONCE, TEXT, Client, order, quiet, run_concurrently, sim_of, tenant
from tests.conftest import Running


@pytest.fixture
def key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


def listed(client: Client) -> int:
    return len(client.get("/sms/messages?limit=1000").data)


def test_a_repeated_send_gets_the_first_answer_and_sends_nothing(client: Client, key: dict[str, str]) -> None:
    sent_before = listed(client)
    first = client.send(key)
    assert "Idempotent-Replayed" not in first.headers
    repeated = client.send({"Idempotency-Key": f'"{key["Idempotency-Key"]}"'})
    assert repeated.headers["Idempotent-Replayed"] == "true"
    assert (repeated.status, repeated.content) == (first.status, first.content)
    raw = b'{ "message":"\\u0042onjour" , "recipient" : "+22370123456" }'  # the same content
    assert client.post("/sms/send", raw, key).content == first.content
    assert listed(client) == sent_before + 1


def test_a_repeated_bulk_gets_the_first_answer(client: Client, key: dict[str, str]) -> None:
    sent_before = listed(client)
    messages = [TEXT, {"recipient": "1"}, TEXT]
    first = client.bulk(messages, key)
    repeated = client.bulk(messages, key)
    assert repeated.headers["Idempotent-Replayed"] == "true"
    assert repeated.content == first.content
    assert repeated.content["summary"] == {"total": 3, "success": 2, "failed": 1}
    assert listed(client) == sent_before + 2


def test_another_body_under_the_same_key_is_a_mismatch(client: Client, key: dict[str, str]) -> None:
    assert client.send(key).status == 200
    client.send(key, message="Bonsoir").refused(422, "idempotency_mismatch")
    client.send(key, campaign_id=1).refused(422, "idempotency_mismatch")
    client.bulk([TEXT], key).refused(422, "idempotency_mismatch")
    assert client.send(key).headers["Idempotent-Replayed"] == "true"


def test_a_key_is_known_to_its_api_key_alone(running: Running, client: Client, key: dict[str, str]) -> None:
    first = client.send(key)
    other = Client(running.url, running.key).send(key)
    assert "Idempotent-Replayed" not in other.headers
    assert other.data["sms_id"] != first.data["sms_id"]


@pytest.mark.parametrize("header_value", ["", '""', '"open', "two words", "x" * 256])
def test_a_malformed_key_is_reported_with_the_faults_of_the_body(client: Client, header_value: str) -> None:
    header = {"Idempotency-Key": header_value}
    assert client.send(header).faults() == ["Idempotency-Key"]
    assert client.send(header, message="").faults() == ["message", "Idempotency-Key"]
    assert client.post("/sms/send", b"{", header).faults() == ["body", "Idempotency-Key"]
    assert client.bulk([TEXT], header).faults() == ["Idempotency-Key"]


def test_a_request_that_failed_its_checks_is_not_stored(running: Running, key: dict[str, str]) -> None:
    limited = tenant(running, quota=0)
    limited.client.send(key, message="").refused(400, "invalid_request")
    limited.client.send(key).refused(429, "quota_exceeded")
    running.cli("company", "set", str(limited.company), "--quota", "1")
    limited.client.send(key, sim_number_id=999_999).refused(400, "sim_unavailable")
    limited.client.bulk([TEXT], key, sim_number_id=999_999).refused(400, "sim_unavailable")
    assert "Idempotent-Replayed" not in limited.client.send(key).headers
    # A known key is answered before the quota is checked.
    assert limited.client.send(key).headers["Idempotent-Replayed"] == "true"
    limited.client.send(key, message="Bonsoir").refused(422, "idempotency_mismatch")
    limited.client.send().refused(429, "quota_exceeded")


def test_of_many_equal_requests_at_once_one_sends(client: Client, key: dict[str, str]) -> None:
    sent_before = listed(client)
    replies = run_concurrently(12, lambda _: client.post("/sms/send", TEXT, key))
    outcomes = Counter(
        "replayed" if "Idempotent-Replayed" in reply.headers else str(reply.content.get("error", "first"))
        for reply in replies
    )
    assert outcomes["first"] == 1
    assert set(outcomes) <= {"first", "replayed", "conflict"}
    for reply in replies:
        if reply.status != 200:
            assert reply.refused(409, "conflict") == {}
            assert reply.headers["Retry-After"] == "1"
    assert len({reply.data["sms_id"] for reply in replies if reply.status == 200}) == 1
    assert listed(client) == sent_before + 1


def test_a_send_that_failed_is_replayed_as_failed(running: Running, key: dict[str, str]) -> None:
    quiet(running)
    owner = tenant(running, quota=1)
    client = owner.client
    with sim_of(running, owner) as (sim_id, port):
        order(running, do="fault", port=port, fault="refused", code=1)  # unassigned number: final
        body = TEXT | {"sim_number_id": sim_id}
        first = client.post("/sms/send", body, key)
        data = first.refused(500, "send_failed")
        assert data["status"] == "failed"
        assert data["failure_reason"]
        repeated = client.post("/sms/send", body, key)
        assert repeated.headers["Idempotent-Replayed"] == "true"
        assert (repeated.status, repeated.content) == (500, first.content)
        status = client.status(data["sms_id"])
        assert (status["status"], status["failure_reason"]) == ("failed", data["failure_reason"])
        assert status["failed_at"]
        assert client.get("/sms/quota").data["remaining"] == 1


def test_a_pending_answer_is_replayed_as_it_was(client: Client, key: dict[str, str]) -> None:
    first = client.bulk([TEXT], key)
    client.await_status(first.content["results"][0]["sms_id"], "delivered")
    assert client.bulk([TEXT], key | AT_ONCE).content == first.content
