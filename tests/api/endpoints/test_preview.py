"""POST /sms/preview over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.contract_client import Client, tenant
from tests.conftest import Running


def preview(client: Client, message: str, **options: Any) -> dict[str, Any]:
    data: dict[str, Any] = client.post("/sms/preview", {"message": message, **options}).data
    return data


def test_a_plain_text_is_described(client: Client) -> None:
    found = preview(client, "Déjà payé: 5€", recipient="70123456")
    sim = found.pop("sim")
    assert set(sim) == {"id", "number", "operator"}
    assert found == {
        "encoding": "gsm7",
        "parts": 1,
        "characters": 13,
        "units": 14,  # the euro sign is in the extension table
        "units_per_part": 160,
        "units_left": 146,
        "forcing": [],
        "suggested_message": None,
        "suggested_parts": None,
        "cost": 0.0,
        "refusal": None,
    }


def test_what_forces_unicode_is_named_and_a_cheaper_text_proposed(client: Client) -> None:
    text = "L’équipe " + "x" * 70
    found = preview(client, text)
    assert (found["encoding"], found["parts"], found["units_per_part"]) == ("ucs2", 2, 67)
    assert found["units"] == len(text)
    assert found["units_left"] == 2 * 67 - len(text)
    assert found["forcing"] == [
        {"character": "’", "name": "RIGHT SINGLE QUOTATION MARK", "positions": [1], "suggestion": "'"}
    ]
    assert (found["suggested_message"], found["suggested_parts"]) == (text.replace("’", "'"), 1)


@pytest.mark.parametrize("text", ["L’eau", "Merci 👍 " + "x" * 70])
def test_nothing_is_proposed_where_nothing_is_gained(client: Client, text: str) -> None:
    found = preview(client, text)
    assert found["forcing"]
    assert (found["suggested_message"], found["suggested_parts"]) == (None, None)


def test_nothing_is_kept_or_reserved(running: Running, client: Client) -> None:
    before = (client.get("/sms/quota").data, len(client.get("/sms/messages?limit=1000").data))
    preview(client, "x", recipient="70123456", campaign_id=9)
    assert (client.get("/sms/quota").data, len(client.get("/sms/messages?limit=1000").data)) == before


def test_the_refusal_of_a_send_is_told(running: Running, client: Client) -> None:
    found = preview(client, "x", sim_number_id=4711)
    assert (found["refusal"], found["sim"], found["cost"]) == ("sim_unavailable", None, None)
    assert preview(tenant(running, quota=0).client, "x")["refusal"] == "quota_exceeded"


def test_the_body_is_checked_as_that_of_a_send(client: Client) -> None:
    bodies: tuple[Any, ...] = (
        {},
        {"message": ""},
        {"message": "x" * 1601},
        {"message": "x", "recipient": "123"},
        {"message": "x", "priority": "now"},
        {"message": 5},
        [],
    )
    for wrong in bodies:
        client.post("/sms/preview", wrong).refused(400, "invalid_request")


def test_a_preview_needs_a_key(running: Running) -> None:
    Client(running.url, None).post("/sms/preview", {"message": "x"}).refused(401, "missing_api_key")


def test_the_command_previews_a_text(running: Running) -> None:
    found = running.cli("preview", "L’équipe " + "x" * 70)
    assert (found["parts"], found["suggested_parts"]) == (2, 1)
    shown = running.cli_raw("preview", "L’eau")
    assert "RIGHT SINGLE QUOTATION MARK" in shown.stdout
    assert running.cli_raw("preview", "").returncode == 2
