"""`send_at`, `transactional` and filters, over HTTP on a gateway with simulated modems."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.api.contract_client import TEXT, Client, in_s, quiet, tenant
from tests.conftest import Running


def test_a_scheduled_message_is_pending_at_once_however_long_its_client_would_wait(client: Client) -> None:
    at = in_s(3600)
    sent = client.post("/sms/send", TEXT | {"send_at": at, "expires_in_s": 60}).data
    assert (sent["status"], sent["sim_number"]) == ("pending", "")
    shown = client.status(sent["sms_id"])
    assert (shown["status"], shown["send_at"], shown["failure_reason"]) == ("pending", at, None)
    assert shown["expires_at"] > shown["send_at"]
    assert (shown["sim_number"], shown["attempts"], shown["cost"]) == ("", [], 0)
    assert client.post(f"/sms/cancel/{sent['sms_id']}").data["status"] == "cancelled"


def test_a_scheduled_message_is_sent_at_its_time(client: Client) -> None:
    at = in_s(1)
    done = client.await_status(client.send(send_at=at).data["sms_id"], "delivered")
    assert done["sent_at"] >= at
    assert done["sim_number"].startswith("+223")
    soon = client.post("/sms/send", TEXT | {"send_at": in_s(0.2)}, {"Prefer": "wait=30"})
    assert soon.data["status"] == "sent"  # the client waits longer than that


def test_a_time_has_an_offset_and_the_past_counts_as_now(client: Client) -> None:
    for at in (in_s(-3600), in_s(-3600, 2), "2020-02-29T12:00:00+00:00"):
        client.await_status(client.send(send_at=at).data["sms_id"], "delivered")
    sms_id = client.send(send_at=in_s(3600, 2)).data["sms_id"]
    assert client.status(sms_id)["send_at"].endswith("Z")
    assert client.post(f"/sms/cancel/{sms_id}").data["status"] == "cancelled"


@pytest.mark.parametrize(
    "wrong",
    [
        "2026-12-01",
        "2026-12-01T12:00:00",
        "2026-12-01 12:00",
        "2026-12-01T12:00:00 01:00",
        "1796012912",
        1796012912,
        True,
        "",
        "2026-13-01T12:00:00Z",
        pytest.param(in_s(367 * 86400), id="in a year and a day"),
        "9999-12-31T23:59:59Z",
    ],
)
def test_what_is_no_time_within_a_year_is_refused(client: Client, wrong: Any) -> None:
    assert client.send(send_at=wrong).faults() == ["send_at"]
    assert client.bulk([TEXT], send_at=wrong).faults() == ["send_at"]


def test_null_counts_as_absent(client: Client) -> None:
    assert client.send(send_at=None, transactional=None, reference=None).status == 200


def test_transactional_needs_its_right_also_in_a_bulk(running: Running, client: Client) -> None:
    client.send(transactional=True).refused(403, "not_permitted")
    client.bulk([TEXT, TEXT], transactional=True).refused(403, "not_permitted")
    assert client.send(transactional="yes").faults() == ["transactional"]
    assert client.send(transactional=False).status == 200
    allowed = tenant(running, "--may", "transactional").client
    assert allowed.send(transactional=True).status == 200
    assert allowed.bulk([TEXT], transactional=True).status == 200


def test_the_right_is_checked_after_the_body_and_a_known_key_and_before_the_quota(running: Running) -> None:
    owner = tenant(running, "--may", "transactional", quota=1)
    key = {"Idempotency-Key": "k"}
    first = owner.client.send(key, transactional=True)
    running.cli("key", "set", str(owner.key), "--may", "")
    again = owner.client.send(key, transactional=True)
    assert again.data == first.data
    assert again.headers["Idempotent-Replayed"] == "true"
    owner.client.send(transactional=True).refused(403, "not_permitted")
    assert owner.client.send(transactional=True, recipient="1").faults() == ["recipient"]
    owner.client.send().refused(429, "quota_exceeded")


def test_bulk_priority_waits_for_the_window_of_its_company(running: Running) -> None:
    owner = tenant(running, "--may", "transactional")
    hour = datetime.now(UTC).hour  # the time zone of the box, Africa/Bamako, is that of UTC
    closed = f"{(hour + 3) % 24:02d}:00-{(hour + 4) % 24:02d}:00"
    running.cli("company", "set", str(owner.company), "--window", closed)
    waits = owner.client.send(priority="bulk").data["sms_id"]
    passes = owner.client.send(priority="bulk", transactional=True).data["sms_id"]
    owner.client.await_status(passes, "delivered")
    owner.client.await_status(owner.client.send().data["sms_id"], "delivered")
    shown = owner.client.status(waits)
    assert shown["status"] == "pending"
    assert closed in shown["failure_reason"]
    (listed,) = owner.client.get("/sms/messages?status=pending").data
    assert listed["failure_reason"] == shown["failure_reason"]
    assert running.cli("message", "show", waits)["failure_reason"] == shown["failure_reason"]
    running.cli("company", "set", str(owner.company), "--window", "none")
    owner.client.await_status(waits, "delivered")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=2026-10-30", "since"),
        ("until=1796012912", "until"),
        ("since=2026-10-30T12:00:00", "since"),
        ("until=2026-10-30T12:00", "until"),
        ("priority=urgent", "priority"),
        ("sim_number_id=one", "sim_number_id"),
    ],
)
def test_a_filter_that_is_not_valid_is_refused(client: Client, query: str, field: str) -> None:
    assert client.get(f"/sms/messages?{query}").faults() == [field]


def test_an_unescaped_plus_of_an_offset_counts_as_one(client: Client) -> None:
    for since in ("2026-10-30T14:30:00+01:00", "2026-10-30T14:30:00%2B01:00", "2026-10-30T14:30:00.5Z"):
        assert client.get(f"/sms/messages?since={since}&limit=1").status == 200


def test_a_bulk_of_one_company_delays_another_by_one_turn(running: Running, client: Client) -> None:
    quiet(running)
    crowd = tenant(running).client
    ids = [result["sms_id"] for result in crowd.bulk([TEXT] * 100).content["results"]]
    one = client.await_status(client.send().data["sms_id"], "delivered")
    for sms_id in ids:
        crowd.await_status(sms_id, "delivered")
    others = crowd.get("/sms/messages?limit=100").data
    between = [
        each
        for each in others
        if each["sim_number"] == one["sim_number"] and one["created_at"] < each["sent_at"] < one["sent_at"]
    ]
    assert len(others) == 100
    assert len(between) <= 2  # what was in the air, and one turn
