"""Sandbox keys over HTTP: the last two digits of the recipient choose the outcome, and no modem is needed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.api.contract_client import Client, Tenant, tenant
from tests.conftest import Running, eventually
from tests.gatewayd.box import Box

WAIT = {"Prefer": "wait=20"}


@pytest.fixture(scope="module")
def owner(running: Running) -> Tenant:
    return tenant(running, "--sandbox", quota=0)


@pytest.fixture(scope="module")
def real(running: Running, owner: Tenant) -> Client:
    """A real key of the same company."""
    return Client(running.url, running.cli("key", "add", "--company", owner.company)["key"])


def number(outcome: str) -> str:
    return f"701234{outcome}"


@pytest.mark.parametrize("outcome", ["00", "10", "99"])
def test_a_message_is_sent_and_delivered(owner: Tenant, outcome: str) -> None:
    client = owner.client
    sent = client.send(WAIT, recipient=number(outcome), reference="r").data
    assert (sent["status"], sent["sim_number"]) == ("sent", "")
    status = client.await_status(sent["sms_id"], "delivered")
    assert (status["sandbox"], status["sim_number"], status["cost"], status["attempts"]) == (True, "", 0, [])
    events = [event for event in all_events(client) if event["data"].get("sms_id") == sent["sms_id"]]
    assert [(event["type"], event["data"]["sequence"]) for event in events] == [
        ("message.sent", 1),
        ("message.delivered", 2),
    ]
    assert all(event["data"]["sandbox"] for event in events)


def test_a_refused_number_fails(owner: Tenant) -> None:
    data = owner.client.send(WAIT, recipient=number("01")).refused(500, "send_failed")
    assert "01" in data["failure_reason"]
    assert owner.client.status(data["sms_id"])["status"] == "failed"


def test_a_message_without_a_report_stays_sent(owner: Tenant) -> None:
    sent = owner.client.send(WAIT, recipient=number("02")).data
    other = owner.client.send(WAIT, recipient=number("09")).data
    owner.client.await_status(other["sms_id"], "delivered")
    assert owner.client.status(sent["sms_id"])["status"] == "sent"


def test_a_message_that_nobody_sends_expires_or_is_cancelled(owner: Tenant) -> None:
    client = owner.client
    expiring = client.send(recipient=number("03"), expires_in_s=1).data["sms_id"]
    waiting = client.send(recipient=number("03")).data["sms_id"]
    client.await_status(expiring, "failed")
    assert client.post(f"/sms/cancel/{waiting}").data["status"] == "cancelled"


def test_a_message_in_doubt_is_delivered_later(owner: Tenant) -> None:
    client = owner.client
    sms_id = client.send(recipient=number("05")).data["sms_id"]
    eventually(lambda: client.status(sms_id)["in_doubt"])
    status = client.await_status(sms_id, "delivered")
    assert (status["in_doubt"], status["failure_reason"]) == (False, None)
    types = [event["type"] for event in all_events(client) if event["data"].get("sms_id") == sms_id]
    assert types == ["message.in_doubt", "message.sent", "message.delivered"]


def test_refusals_at_once_fail_alone_in_a_bulk(owner: Tenant) -> None:
    client = owner.client
    client.send(recipient=number("06")).refused(400, "sim_unavailable")
    client.send(recipient=number("07")).refused(429, "quota_exceeded")
    messages = [{"recipient": number(outcome), "message": "x"} for outcome in ("06", "00", "07")]
    results = client.bulk(messages).content["results"]
    assert [result.get("error") for result in results] == ["sim_unavailable", None, "quota_exceeded"]
    refusal = client.post("/sms/preview", {"recipient": number("06"), "message": "x"}).data["refusal"]
    assert refusal == "sim_unavailable"


def test_a_text_comes_back_to_sandbox_keys_alone(owner: Tenant, real: Client) -> None:
    client = owner.client
    client.send(recipient=number("08"), message="Écho 08")
    (text,) = eventually(
        lambda: [text for text in client.get("/sms/inbox").data if text["message"] == "Écho 08"]
    )
    assert (text["sender"], text["sim_number"], text["kind"]) == ("+22370123408", "", "text")
    assert real.get("/sms/inbox").data == []
    real.patch(f"/sms/inbox/{text['id']}", {"read": True}).refused(404, "not_found")
    assert client.patch(f"/sms/inbox/{text['id']}", {"read": True}).data["read"]
    client.send(recipient=number("08"), message="STOP")
    eventually(lambda: client.get("/sms/opt-outs").data)
    client.send(recipient=number("08"), campaign_id=5).refused(400, "opted_out")
    assert real.get("/sms/opt-outs").data == []


def test_real_keys_and_sandbox_keys_see_nothing_of_each_other(running: Running) -> None:
    owner = tenant(running, "--sandbox")
    real = Client(running.url, running.cli("key", "add", "--company", owner.company)["key"])
    played = owner.client.send(WAIT, recipient=number("00"), campaign_id=7).data["sms_id"]
    sent = real.send(campaign_id=7).data["sms_id"]
    real.await_status(sent, "delivered")
    for client, own, foreign in ((owner.client, played, sent), (real, sent, played)):
        client.get(f"/sms/status/{foreign}").refused(404, "not_found")
        client.post(f"/sms/cancel/{foreign}").refused(404, "not_found")
        assert [message["sms_id"] for message in client.get("/sms/messages").data] == [own]
        assert client.get("/sms/campaigns/7").data["total"] == 1
        assert {event["data"]["sms_id"] for event in all_events(client)} == {own}
    assert real.get("/sms/quota").data["sent_this_month"] == 1


def test_a_scheduled_message_and_a_repeated_request(owner: Tenant) -> None:
    client = owner.client
    later = client.send(recipient=number("00"), send_at="2027-06-01T08:00:00Z").data["sms_id"]
    headers = WAIT | {"Idempotency-Key": "sandbox-1"}
    first, again = (client.send(headers, recipient=number("02")) for _ in range(2))
    assert first.content == again.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert client.status(later)["status"] == "pending"
    assert client.post(f"/sms/cancel/{later}").data["status"] == "cancelled"


def test_a_sandbox_key_is_no_administration_key(running: Running, owner: Tenant) -> None:
    refused = running.cli_raw("key", "add", "--company", owner.company, "--admin", "--sandbox")
    assert refused.returncode == 2


def test_the_outcomes_need_no_modem_go_on_after_a_kill_and_are_not_counted(tmp_path: Path) -> None:
    box = Box(tmp_path, slots={})
    box.start_gateway()
    try:
        company = box.cli("company", "list")[0]["id"]
        key = box.cli("key", "add", "--company", company, "--sandbox")["key"]
        client = Client(box.api, key)
        sms_id = client.send(recipient=number("05")).data["sms_id"]
        assert box.gateway is not None
        box.gateway.kill()
        box.start_gateway()
        client.await_status(sms_id, "delivered")
        types = [event["type"] for event in all_events(client)]
        assert types == ["message.in_doubt", "message.sent", "message.delivered"]
        client.send(recipient=number("03"))
        assert box.cli("status")["messages"]["pending"] == 0
        assert client.get("/sms/quota").data["sent_this_month"] == 0
        metrics = requests.get(f"http://127.0.0.1:{box.port}/metrics", timeout=10).text
        assert [
            line for line in metrics.splitlines() if re.match("gatewayd_(messages|texts).*} [1-9]", line)
        ] == []
    finally:
        box.stop()


def all_events(client: Client) -> list[dict[str, Any]]:
    """All events that the client may read, page by page."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = client.get(f"/events?limit=1000&after={cursor}").content
        found += page["data"]
        if not page["data"]:
            return found
        cursor = page["next_cursor"]
