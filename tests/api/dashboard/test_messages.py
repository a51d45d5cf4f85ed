"""The pages of messages and campaigns: the search, one message with its history, and what a person of a company may see."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import pytest

from api.dashboard.message_history import time_line
from api.dashboard.message_words import in_one_language
from api.dashboard.search_form import arguments, beginning_of, day_of, given, moment_of, whole_number
from config.language.catalogue import sentence
from gatewayd.messages.reasons import HELD
from tests.api.contract_client import TEXT, in_s, tenant
from tests.conftest import Running
from tests.dashboard_visitor import visitor

SCRIPT = "<script>alert(1)</script> \"a\" 'b' \u202eevil"


def test_a_message_is_found_and_shown_as_text(running: Running) -> None:
    owner = tenant(running)
    sent = owner.client.send(message=SCRIPT, reference=SCRIPT).data
    client = visitor(running)
    found = client.get("/messages", params={"reference": SCRIPT, "number": TEXT["recipient"][-8:]}).text
    assert sent["sms_id"] in found
    shown = client.text(f"/messages/{sent['sms_id']}")
    for text in (found, shown):
        assert "<script>alert" not in text
        assert html.escape(SCRIPT, quote=True).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in text
    assert "No message fits" in client.get("/messages", params={"reference": "nothing"}).text
    assert client.get("/messages", params={"number": "abc"}).status_code == 422
    assert (
        client.get("/messages", params={"campaign": "x", "sim": "9" * 30, "from": "now"}).status_code == 200
    )


def test_a_waiting_message_is_cancelled_and_a_doubt_is_settled(running: Running) -> None:
    owner = tenant(running)
    client = visitor(running, "operator")
    path = f"/messages/{owner.client.send(send_at=in_s(3600)).data['sms_id']}"
    assert "The message is cancelled." in client.post(f"{path}/cancel").text
    assert "can no longer be cancelled" in client.post(f"{path}/cancel").text
    assert "has no part in doubt" in client.post(f"{path}/settle", {"verdict": "sent"}).text
    assert client.post(f"{path}/settle", {"verdict": "x"}).status_code == 400
    entry = client.get(f"{path}/state")
    assert client.get(f"{path}/state", headers={"If-None-Match": entry.headers["ETag"]}).status_code == 304


def test_a_person_of_a_company_sees_only_its_messages(running: Running) -> None:
    own, other = tenant(running), tenant(running)
    ids = [
        each.client.bulk([TEXT], campaign_id=66, send_at=in_s(3600)).content["results"][0]["sms_id"]
        for each in (own, other)
    ]
    client = visitor(running, "company", own.company)
    listed = client.get("/messages", params={"company": other.company, "campaign": 66}).text
    assert ids[0] in listed
    assert ids[1] not in listed
    assert client.get(f"/messages/{ids[0]}").status_code == 200
    assert f"/campaigns/{own.company}/66" in client.text("/campaigns")
    assert f"/campaigns/{other.company}/66" not in client.text("/campaigns")
    foreign = (f"/messages/{ids[1]}", f"/messages/{ids[1]}/state", f"/compose?again={ids[1]}")
    for path in (*foreign, f"/campaigns/{other.company}/66", f"/campaigns/{other.company}/66/state"):
        assert client.get(path).status_code == 404, path
    assert client.post(f"/messages/{ids[1]}/cancel").status_code == 404
    assert client.post(f"/campaigns/{other.company}/66/cancel").status_code == 404
    assert client.post(f"/messages/{ids[0]}/settle", {"verdict": "sent"}).status_code == 403
    assert other.client.status(ids[1])["status"] == "pending"
    for each in (own, other):
        each.client.post("/sms/campaigns/66/cancel")


def test_a_campaign_is_followed_and_cancelled(running: Running) -> None:
    owner = tenant(running)
    owner.client.bulk([TEXT] * 3, campaign_id=-67, send_at=in_s(3600))
    client = visitor(running)
    path = f"/campaigns/{owner.company}/-67"
    assert "0 of 3" in client.text(path)
    assert "3 messages were cancelled." in client.post(f"{path}/cancel").text
    assert "3 of 3" in client.text(f"{path}/state")
    for wrong in (f"/campaigns/{owner.company}/1", "/campaigns/1/x", f"/campaigns/{9**30}/1"):
        assert client.get(wrong).status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"number": " 70 ", "status": "sent", "campaign": "-5", "sim": "3"}, {"number": "70", "status": "sent", "campaign": -5, "sim": 3}),
        ({"status": "x", "campaign": "1_0", "sim": "-3", "company": "²"}, {}),
        ({"from": "2026-11-30", "to": "2026-11-30"}, {"since": 1_795_996_800_000_000, "until": 1_796_083_200_000_000}),
        ({"from": "9999-12-31", "to": "0001-01-01"}, {}),
    ],
)  # fmt: skip
def test_the_fields_of_the_search(running: Running, query: Mapping[str, str], found: object) -> None:
    assert arguments(given(query), running.settings.numbers.zone) == found


def test_times_and_numbers_as_browsers_write_them(running: Running) -> None:
    zone = running.settings.numbers.zone
    day = day_of("2026-11-30")
    assert day is not None
    assert moment_of("2026-11-30T00:00", zone) == beginning_of(day, zone)
    for wrong in ("", "x", "2026-11-30T00:00Z", "0001-01-01T00:00", "9999-01-01T00:00"):
        assert moment_of(wrong, zone) is None
    assert whole_number(str(2**63)) is None


def test_a_time_line_tells_the_attempts_in_the_readers_language() -> None:
    attempt = {
        "sim": 1,
        "sim_number": "",
        "port": 2,
        "code": "+CMS ERROR: 41",
        "meaning": "Busy",
        "meaning_fr": "Occupé",
    }
    message: dict[str, Any] = {
        "created_at": "2026-11-30T10:00:00Z",
        "send_at": None,
        "sent_at": None,
        "delivered_at": None,
        "failed_at": None,
        "status": "pending",
        "in_doubt": True,
        "failure_reason": HELD.text,
        "parts": 2,
        "attempts": [
            {**attempt, "part": 2, "outcome": "in_doubt", "at": "2026-11-30T10:00:03Z"},
            {**attempt, "part": 1, "outcome": "refused", "at": "2026-11-30T10:00:01Z"},
            {**attempt, "part": 1, "outcome": "sent", "at": "2026-11-30T10:00:02Z"},
        ],
    }  # fmt: skip
    steps = [(sentence(step.text, "fr"), step.detail) for step in time_line(message, "fr")]
    assert steps == [
        ("Accepté par le boîtier", None),
        ("Partie 1 sur 2 : refusée", "Occupé"),
        ("Partie 1 sur 2 : le réseau l'a prise", None),
        ("Partie 2 sur 2 : incertaine", "Occupé"),
        ("Attend un accusé de réception, ou la décision d'une personne", in_one_language(HELD.text, "fr")),
    ]
    assert "gatewayd" not in str(steps)
    ended = message | {"status": "cancelled", "in_doubt": False, "attempts": [], "failure_reason": None}
    assert [step.text for step in time_line(ended, "en")] == [
        "Accepted by the box",
        "Cancelled before a modem had it",
    ]
