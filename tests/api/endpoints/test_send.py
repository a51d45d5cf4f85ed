"""POST /sms/send: accepted and refused messages, and the waits for the modem."""

from __future__ import annotations

import re
import uuid
from itertools import pairwise
from typing import Any

import pytest

from tests.api.contract_client import AT_ONCE, TEXT, Client, sim_ids


def test_a_message_is_sent_and_then_delivered(client: Client) -> None:
    reply = client.post("/sms/send", TEXT | {"campaign_id": 5, "unknown": {"is": "ignored"}})
    assert set(reply.content) == {"success", "message", "data"}
    assert reply.content["message"] == "SMS envoyé avec succès"
    data = reply.data
    assert set(data) == {"sms_id", "task_id", "sim_number", "recipient", "status"}
    assert data["status"] == "sent"
    assert data["recipient"] == "+22370123456"
    assert uuid.UUID(data["sms_id"])
    assert re.fullmatch(r"[0-9]{14}", data["task_id"])

    status = client.await_status(data["sms_id"], "delivered")
    moment = r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z"
    assert re.fullmatch(moment, status.pop("sent_at"))
    assert re.fullmatch(moment, status.pop("delivered_at"))
    assert re.fullmatch(moment, status.pop("created_at"))
    assert re.fullmatch(moment, status.pop("expires_at"))
    (attempt,) = status.pop("attempts")
    assert re.fullmatch(moment, attempt.pop("at"))
    assert attempt == {
        "part": 1,
        "sim_number_id": attempt["sim_number_id"],
        "sim_number": data["sim_number"],
        "port": attempt["port"],
        "outcome": "sent",
        "code": None,
        "meaning": "The network took it.",
        "meaning_fr": "Le réseau l'a pris.",
    }
    assert {type(attempt["sim_number_id"]), type(attempt["port"])} == {int}
    assert status == {
        "campaign_id": 5,
        "sms_id": data["sms_id"],
        "recipient": "+22370123456",
        "sender": data["sim_number"],
        "message": "Bonjour",
        "status": "delivered",
        "status_label": "Delivered",
        "failed_at": None,
        "failure_reason": None,
        "cost": 0.0,
        "retry_count": 0,
        "sim_number": data["sim_number"],
        "in_doubt": False,
        "reference": None,
        "parts": 1,
        "send_at": None,
        "sandbox": False,
    }


@pytest.mark.parametrize("prefer", ["respond-async", "wait=0", "Respond-Async; x=y, foo", "wait=0, wait=50"])
def test_a_client_that_will_not_wait_is_answered_pending(client: Client, prefer: str) -> None:
    # Pinned behind another message, so that no modem is quick enough.
    sim_id = sim_ids(client)[0]
    client.bulk([TEXT] * 3, sim_number_id=sim_id)
    reply = client.send({"Prefer": prefer}, sim_number_id=sim_id)
    assert reply.data["status"] == "pending"
    assert reply.content["message"] == "SMS mis en file d'attente"
    assert reply.headers["Preference-Applied"] in ("respond-async", "wait=0")


def test_a_client_may_choose_how_long_to_wait(client: Client) -> None:
    reply = client.post("/sms/send", TEXT, {"Prefer": "wait=1000, respond-async"})
    assert reply.data["status"] == "sent"
    assert reply.headers["Preference-Applied"] == "respond-async, wait=60"
    assert "Preference-Applied" not in client.post("/sms/send", TEXT, {"Prefer": "wait=-1"}).headers


@pytest.mark.parametrize("recipient", ["+22370123456", "22370987654", "70123456", "70987654"])
def test_the_valid_recipients_of_the_guide_are_accepted_as_e164(client: Client, recipient: str) -> None:
    assert client.send(recipient=recipient).data["recipient"] == f"+223{recipient[-8:]}"


@pytest.mark.parametrize(
    "recipient", ["223701234567", "26312345678", "22350123456", "70123456\n", 70123456, None, ""]
)
def test_the_invalid_recipients_of_the_guide_are_refused(client: Client, recipient: object) -> None:
    assert client.send(recipient=recipient).faults() == ["recipient"]


@pytest.mark.parametrize(
    ("faulty", "fields"),
    [
        ({"message": "x" * 1601}, ["message"]),
        ({"message": "\ud800"}, ["message"]),
        ({"message": " \n"}, ["message"]),
        ({"sim_number_id": True}, ["sim_number_id"]),
        ({"sim_number_id": 1.0}, ["sim_number_id"]),
        ({"sim_number_id": 2**63}, ["sim_number_id"]),
        ({"campaign_id": "5"}, ["campaign_id"]),
        ({"priority": "urgent"}, ["priority"]),
        ({"expires_in_s": 0}, ["expires_in_s"]),
        ({"recipient": "1", "message": "", "campaign_id": False}, ["campaign_id", "message", "recipient"]),
    ],
)
def test_every_fault_is_reported(client: Client, faulty: dict[str, Any], fields: list[str]) -> None:
    reply = client.send(**faulty)
    assert sorted(reply.faults()) == fields
    assert all(set(fault) == {"field", "message"} for fault in reply.content["data"]["errors"])


@pytest.mark.parametrize("priority", ["otp", "normal", "bulk", None])
def test_every_option_is_accepted(client: Client, priority: str | None) -> None:
    sim_id = sim_ids(client)[0]
    options: dict[str, Any] = {
        "sim_number_id": sim_id,
        "campaign_id": -(2**63),
        "priority": priority,
        "expires_in_s": 38_102_400,
    }
    assert client.send(**options).status == 200


def test_a_text_is_returned_unchanged(client: Client) -> None:
    text = "Ça va ? 😀 €{}[]~^\\| \u200b ߒߞߏ\n" + "é" * 1500
    sent = client.send(message=text).data
    assert client.status(sent["sms_id"])["message"] == text


def test_a_named_sim_carries_the_message(client: Client) -> None:
    for sim in client.get("/sms/sims/available").data["available_sims"][:2]:
        assert client.send(sim_number_id=sim["id"]).data["sim_number"] == sim["number"]


def test_task_ids_increase(client: Client) -> None:
    ids = [int(client.send().data["task_id"]) for _ in range(5)]
    ids += [int(result["task_id"]) for result in client.bulk([TEXT] * 20).content["results"]]
    assert all(one < other for one, other in pairwise(ids))


def test_the_last_of_two_names_counts(client: Client) -> None:
    body = b'{"recipient": "1", "message": "x", "recipient": "70123456"}'
    assert client.post("/sms/send", body, AT_ONCE).status == 200
