"""POST /sms/send-bulk: valid messages are accepted, invalid ones fail alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.contract_client import TEXT, Client, tenant
from tests.conftest import Running

OTHER = {"recipient": "+22370987654", "message": "Message 2"}


def test_a_bulk_is_accepted_as_in_the_guide(client: Client) -> None:
    reply = client.bulk([TEXT, OTHER], campaign_id=7)
    assert reply.status == 200
    assert set(reply.content) == {"success", "message", "summary", "results"}
    assert reply.content["message"] == "Envoi terminé: 2 succès, 0 échecs"
    assert reply.content["summary"] == {"total": 2, "success": 2, "failed": 0}
    for result, recipient in zip(reply.content["results"], ("+22370123456", "+22370987654"), strict=True):
        assert set(result) == {"recipient", "success", "sms_id", "task_id", "sim_number", "status"}
        assert (result["recipient"], result["success"], result["status"]) == (recipient, True, "pending")
        client.await_status(result["sms_id"], "delivered")
    assert len(client.get("/sms/messages?campaign_id=7").data) == 2


def test_a_message_that_is_not_valid_fails_alone_in_its_place(client: Client) -> None:
    messages: list[Any] = [{"recipient": "12", "message": "x"}, TEXT, 5, {"recipient": 70123456}, OTHER, {}]
    reply = client.bulk(messages)
    assert reply.status == 200
    assert reply.content["message"] == "Envoi terminé: 2 succès, 4 échecs"
    assert reply.content["summary"] == {"total": 6, "success": 2, "failed": 4}
    results = reply.content["results"]
    assert [result["success"] for result in results] == [False, True, False, False, True, False]
    assert [result["recipient"] for result in results] == ["12", "+22370123456", "", "", "+22370987654", ""]
    for result in results:
        if not result["success"]:
            assert set(result) == {"recipient", "success", "error", "message"}
            assert result["error"] == "invalid_request"
            assert result["message"]


def test_half_a_surrogate_pair_is_returned_unchanged(client: Client) -> None:
    reply = client.bulk([TEXT, {"recipient": "\ud800", "message": "é"}])
    assert reply.content["results"][1]["recipient"] == "\ud800"
    assert reply.content["message"] == "Envoi terminé: 1 succès, 1 échecs"


def test_a_bulk_without_a_valid_message_is_refused_with_its_results(client: Client) -> None:
    reply = client.bulk([{"recipient": "12", "message": ""}, 5])
    assert reply.faults() == ["messages.0.recipient", "messages.0.message", "messages.1"]
    assert reply.content["summary"] == {"total": 2, "success": 0, "failed": 2}
    assert len(reply.content["results"]) == 2


def test_a_bulk_without_a_usable_sim_is_refused_with_its_results(client: Client) -> None:
    reply = client.bulk([TEXT, OTHER], sim_number_id=999_999)
    assert reply.refused(400, "sim_unavailable") == {}
    assert reply.content["summary"] == {"total": 2, "success": 0, "failed": 2}
    assert {result["error"] for result in reply.content["results"]} == {"sim_unavailable"}


@pytest.mark.parametrize("messages", [None, [], {}, "x", 5])
def test_messages_must_be_a_list_that_is_not_empty(client: Client, messages: Any) -> None:
    assert client.bulk(messages).faults() == ["messages"]


def test_the_longest_bulk_is_configured(running: Running, client: Client) -> None:
    most = running.settings.api.bulk_max
    assert client.bulk([TEXT] * (most + 1)).faults() == ["messages"]
    rejected = [{"recipient": "12"}] * (most - 1)
    assert client.bulk([*rejected, TEXT]).content["summary"] == {
        "total": most,
        "success": 1,
        "failed": most - 1,
    }


def test_options_apply_to_all_messages_and_are_checked_first(client: Client) -> None:
    reply = client.bulk([TEXT, {"recipient": "12", "message": "x"}], priority="x", expires_in_s=0)
    assert sorted(reply.faults()) == ["expires_in_s", "messages.1.recipient", "priority"]
    assert client.bulk([TEXT], priority="bulk", expires_in_s=60, sim_number_id=None).status == 200


def test_the_quota_is_all_or_nothing_over_the_valid_messages(running: Running) -> None:
    limited = tenant(running, quota=2)
    data = limited.client.bulk([TEXT] * 3 + [{"recipient": "12"}]).refused(429, "quota_exceeded")
    assert (data["requested"], data["remaining"], data["total_quota"]) == (3, 2, 2)
    assert limited.client.get("/sms/quota").data["sent_this_month"] == 0
    assert limited.client.bulk([TEXT, {"recipient": "12"}, TEXT]).content["summary"]["success"] == 2
    assert limited.client.get("/sms/quota").data["remaining"] == 0
