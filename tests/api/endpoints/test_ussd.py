"""POST /sms/ussd: the envelope, access, and refusals."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.contract_client import Client, order, tenant
from tests.conftest import Running, eventually

CODE = {"port": 1, "code": "#123#"}


@pytest.fixture(scope="module")
def administrator(running: Running) -> Client:
    return tenant(running, "--admin").client


def test_a_code_is_answered(administrator: Client) -> None:
    reply = administrator.post("/sms/ussd", CODE)
    assert reply.content["message"] == "Réponse USSD reçue"
    assert reply.data == {
        "port": 1,
        "slot": 1,
        "answer": "Votre solde est de 1250 FCFA, valable jusqu'au 31/12/2030.",
        "session": "done",
        "answers": ["Votre solde est de 1250 FCFA, valable jusqu'au 31/12/2030."],
        "replies_unsaid": 0,
    }


def test_replies_go_to_menus_and_null_counts_as_absent(administrator: Client) -> None:
    menu = {**CODE, "code": "*100#", "slot": None}
    data = administrator.post("/sms/ussd", {**menu, "replies": ["1", "1"]}).data
    assert data["answers"] == ["1 Solde\n2 Mon numéro", "Votre solde est de 1250 FCFA."]
    assert data["replies_unsaid"] == 1
    data = administrator.post("/sms/ussd", {**menu, "replies": None, "more": 1}).data
    assert (data["answer"], data["session"]) == ("1 Solde\n2 Mon numéro", "open")


def test_the_sim_of_another_slot_is_asked(administrator: Client) -> None:
    body = {"port": 4, "code": "*100#", "replies": ["2"]}
    answers = [administrator.post("/sms/ussd", body | {"slot": slot}).data for slot in (1, 2)]
    assert [answer["slot"] for answer in answers] == [1, 2]
    assert answers[0]["answer"] != answers[1]["answer"]


def test_only_administration_keys_may_use_ussd(running: Running, client: Client) -> None:
    client.post("/sms/ussd", b"broken").refused(403, "admin_required")
    Client(running.url, None).post("/sms/ussd", CODE).refused(401, "missing_api_key")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", ["body"]),
        ([], ["body"]),
        ({}, ["port", "code"]),
        ({"port": True, "code": 1, "slot": "1", "replies": "1"}, ["port", "code", "slot", "replies"]),
        (CODE | {"replies": [1]}, ["replies.0"]),
        (CODE | {"code": "é", "replies": [""], "slot": 2}, ["code", "replies.0", "slot"]),
        (CODE | {"code": '1"\r'}, ["code"]),
        (CODE | {"slot": 0}, ["slot"]),
        (CODE | {"replies": ["1"] * 11}, ["replies"]),
    ],
)
def test_invalid_values_are_reported_field_by_field(
    administrator: Client, body: Any, fields: list[str]
) -> None:
    assert administrator.post("/sms/ussd", body).faults() == fields


def test_an_unknown_port_is_not_found(administrator: Client) -> None:
    assert administrator.post("/sms/ussd", CODE | {"port": 99}).refused(404, "not_found") == {}


def test_a_code_that_the_network_does_not_know_has_failed(administrator: Client) -> None:
    data = administrator.post("/sms/ussd", CODE | {"code": "*9999#"}).refused(500, "send_failed")
    assert data == {"port": 1, "answer": "", "session": "not_supported"}


def test_a_port_that_is_not_up_is_a_conflict(running: Running, administrator: Client) -> None:
    order(running, do="unplug", port=3)
    try:
        eventually(lambda: running.cli("status")["ports"][2]["state"] == "absent")
        reply = administrator.post("/sms/ussd", CODE | {"port": 3})
        reply.refused(409, "conflict")
        assert "Port 3 cannot ask" in reply.content["message"]
    finally:
        order(running, do="replug", port=3)
        eventually(lambda: running.cli("status")["ports"][2]["state"] == "up")
