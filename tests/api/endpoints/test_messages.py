"""Status, list and cancelling of messages, and their effect on quota and limits."""

from __future__ import annotations

import re
import sqlite3
import uuid
from collections import Counter
from contextlib import closing
from typing import Any

from tests.api.contract_client import TEXT, Client, quiet, run_concurrently, sim_ids, sim_of, tenant
from tests.conftest import Running, eventually


def test_another_companys_message_is_not_found(running: Running, client: Client) -> None:
    sms_id = Client(running.url, running.key).send().data["sms_id"]
    for unknown in (sms_id, str(uuid.uuid4()), "x", "%00", "%FF", "1;2", "x" * 3000):
        client.get(f"/sms/status/{unknown}").refused(404, "not_found")
        client.post(f"/sms/cancel/{unknown}").refused(404, "not_found")
    Client(running.url, running.admin_key).get(f"/sms/status/{uuid.uuid4()}").refused(404, "not_found")


def test_messages_are_listed_newest_first_and_page_by_page(client: Client) -> None:
    ids = [client.send(campaign_id=31, recipient=f"7500000{index}").data["sms_id"] for index in range(5)]
    pages: list[str] = []
    query = "/sms/messages?campaign_id=31&limit=2"
    cursor = ""
    while True:
        reply = client.get(f"{query}&cursor={cursor}")
        assert set(reply.content) == {"success", "data", "next_cursor"}
        assert len(reply.data) <= 2
        pages += [message["sms_id"] for message in reply.data]
        if reply.content["next_cursor"] is None:
            break
        cursor = str(reply.content["next_cursor"])
    assert pages == ids[::-1]


def test_the_reference_of_a_client_is_given_back(client: Client) -> None:
    sent = client.send(reference="facture-2026/17").data
    assert sent["reference"] == "facture-2026/17"
    sms_id = sent["sms_id"]
    assert client.status(sms_id)["reference"] == "facture-2026/17"
    messages = [{"recipient": "70123456", "message": "x", "reference": name} for name in ("a", "b")]
    bulk = client.bulk(messages)
    ids = [result["sms_id"] for result in bulk.content["results"]]
    assert [result["reference"] for result in bulk.content["results"]] == ["a", "b"]
    assert [client.status(one)["reference"] for one in ids] == ["a", "b"]
    for wrong in ("", "x" * 256, 7, ["a"]):
        client.send(reference=wrong).refused(400, "invalid_request")


def test_a_listed_message_is_the_status_without_its_attempts(client: Client) -> None:
    status_sim = sim_ids(client)[0]
    options: dict[str, Any] = {"priority": "bulk", "reference": "r-32", "sim_number_id": status_sim}
    sms_id = client.send(campaign_id=32, **options).data["sms_id"]
    client.await_status(sms_id, "delivered")
    (message,) = client.get("/sms/messages?campaign_id=32").data
    assert message["campaign_id"] == 32
    created_at = message["created_at"]
    assert re.fullmatch(r"20.*\.[0-9]{6}Z", created_at)
    status = client.status(sms_id)
    assert len(status.pop("attempts")) == 1
    assert message == status
    for query, found in (
        ("status=delivered", 1),
        ("status=pending", 0),
        ("recipient=70123456", 1),
        ("recipient=+22370123456", 1),
        ("recipient=75000000", 0),
        (f"since={created_at}", 1),
        (f"until={created_at}", 0),
        ("since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00%2B01:00", 0),
        ("status=&recipient=&since=&until=&limit=&cursor=&reference=&sim_number_id=&priority=", 1),
        ("reference=r-32", 1),
        ("reference=R-32", 0),
        ("priority=bulk", 1),
        ("priority=otp", 0),
        (f"sim_number_id={status_sim}", 1),
        ("sim_number_id=999999", 0),
    ):
        assert len(client.get(f"/sms/messages?campaign_id=32&{query}").data) == found, query


def test_an_id_may_be_written_in_capitals(running: Running) -> None:
    owner = tenant(running)
    with sim_of(running, owner) as (sim_id, _):
        sms_id = owner.client.bulk([TEXT] * 12, sim_number_id=sim_id).content["results"][-1]["sms_id"]
        assert owner.client.status(sms_id.upper())["sms_id"] == sms_id
        assert running.cli("message", "show", sms_id.upper())["sms_id"] == sms_id
        cancelled = owner.client.post(f"/sms/cancel/{sms_id.title()}").data
        assert (cancelled["sms_id"], cancelled["status"]) == (sms_id, "cancelled")


def test_every_fault_of_a_query_is_reported(client: Client) -> None:
    query = "status=x&campaign_id=1.5&recipient=12&since=x&until=x&limit=0&cursor=x"
    assert client.get(f"/sms/messages?{query}").faults() == [
        "status",
        "campaign_id",
        "recipient",
        "since",
        "until",
        "limit",
        "cursor",
    ]


def test_a_waiting_message_can_be_cancelled_and_costs_nothing(running: Running) -> None:
    owner = tenant(running, quota=12)
    with sim_of(running, owner) as (sim_id, _):
        accepted = owner.client.bulk([TEXT] * 12, sim_number_id=sim_id).content["results"]
        assert owner.client.get("/sms/quota").data["remaining"] == 0
        first, last = accepted[0]["sms_id"], accepted[-1]["sms_id"]
        data = owner.client.post(f"/sms/cancel/{last}").data
        assert data == owner.client.status(last)
        assert (data["status"], data["status_label"]) == ("cancelled", "Cancelled")
        assert owner.client.get("/sms/quota").data["remaining"] == 1
        owner.client.post(f"/sms/cancel/{last}").refused(409, "conflict")
        owner.client.await_status(first, "delivered")
        owner.client.post(f"/sms/cancel/{first}").refused(409, "conflict")
        assert owner.client.status(first)["status"] == "delivered"
        for message in accepted[:-1]:
            owner.client.await_status(message["sms_id"], "delivered")
        assert owner.client.status(last)["status"] == "cancelled"


def test_fifty_requests_for_the_last_ten_of_a_quota_get_ten(running: Running) -> None:
    limited = tenant(running, quota=10)
    replies = run_concurrently(50, lambda _: limited.client.send())
    assert Counter(reply.status for reply in replies) == {200: 10, 429: 40}
    assert len({reply.data["sms_id"] for reply in replies if reply.status == 200}) == 10
    assert limited.client.get("/sms/quota").data == {
        "total_quota": 10,
        "sent_this_month": 10,
        "remaining": 0,
        "usage_percentage": 100.0,
        "resets_at": limited.client.get("/sms/quota").data["resets_at"],
    }


def test_fifty_requests_for_the_last_ten_of_a_sim_get_ten(running: Running) -> None:
    owner = tenant(running)
    quiet(running)  # a waiting message may still move to another SIM and count there
    with sim_of(running, owner) as (sim_id, _):
        running.cli("sim", "set", str(sim_id), "--daily-limit", str(accepted_by(running, sim_id) + 10))
        replies = run_concurrently(50, lambda _: owner.client.send(sim_number_id=sim_id))
        assert Counter(reply.content.get("error") for reply in replies) == {None: 10, "sim_unavailable": 40}
        running.cli("sim", "set", str(sim_id), "--daily-limit", str(accepted_by(running, sim_id) + 2))
        reply = owner.client.bulk([TEXT] * 4, sim_number_id=sim_id)
        assert [result["success"] for result in reply.content["results"]] == [True, True, False, False]
        assert reply.content["results"][3]["error"] == "sim_unavailable"
        eventually(lambda: not owner.client.get("/sms/messages?status=pending").data)


def accepted_by(running: Running, sim_id: int) -> int:
    """The messages that a SIM has accepted so far, because other tests use it too."""
    with closing(sqlite3.connect(running.settings.store.path, timeout=10)) as db:
        found: int = db.execute(
            "SELECT coalesce(sum(taken), 0) FROM sim_usage WHERE sim_id = ?", (sim_id,)
        ).fetchone()[0]
    return found


def test_without_a_quota_remaining_is_null(client: Client) -> None:
    client.send()
    quota = client.get("/sms/quota").data
    assert (quota["total_quota"], quota["remaining"], quota["usage_percentage"]) == (None, None, 0.0)
    assert quota["sent_this_month"] > 0
    assert re.fullmatch(r"20[0-9]{2}-[0-9]{2}-01T00:00:00\.000000Z", quota["resets_at"])


def test_the_sims_are_listed_as_in_the_guide(running: Running) -> None:
    owner = tenant(running)
    with sim_of(running, owner) as (sim_id, _):
        data = owner.client.get("/sms/sims/available").data
        assert set(data) == {"assigned_sim", "available_sims", "total_available"}
        assert data["total_available"] == len(data["available_sims"]) > 1
        assert set(data["assigned_sim"]) == {"id", "number", "name", "operator", "can_send_sms"}
        assert data["assigned_sim"]["id"] == sim_id
        own = next(sim for sim in data["available_sims"] if sim["id"] == sim_id)
        assert set(own) == {
            "id",
            "number",
            "name",
            "operator",
            "port",
            "slot",
            "is_default",
            "balance",
            "balance_at",
            "bundle_units",
            "bundle_end",
            "daily_limit",
            "monthly_limit",
            "usage_stats",
            "can_send_sms",
            "assigned_to",
        }
        assert set(own["usage_stats"]) == {"today_sent", "today_failed", "this_month_sent"}
        assert own["assigned_to"].startswith("Company")
        assert own["can_send_sms"] is True
        running.cli("sim", "set", str(sim_id), "--enabled", "no")
        assert owner.client.get("/sms/sims/available").data["assigned_sim"]["can_send_sms"] is False
    other = Client(running.url, running.key).get("/sms/sims/available").data
    assert all(sim["assigned_to"] != own["assigned_to"] for sim in other["available_sims"])
