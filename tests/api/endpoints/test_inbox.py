"""GET /sms/inbox: texts received through a simulated modem, as a client sees them."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from tests.api.contract_client import Client, order, sim_of, tenant
from tests.conftest import Running, eventually

LONG = "Où êtes-vous ? 😀 " * 12


def test_a_companys_texts_are_listed_for_its_keys(running: Running) -> None:
    owner = tenant(running)
    assert owner.client.get("/sms/inbox").content == {"success": True, "data": [], "next_cursor": None}
    with sim_of(running, owner) as (sim_id, port):
        order(running, do="incoming", port=port, **{"from": "OrangeMoney"}, text="Bonjour")
        order(running, do="incoming", port=port, **{"from": "+22376000001"}, text=LONG)
        found: list[dict[str, Any]] = eventually(
            lambda: data if len(data := owner.client.get("/sms/inbox").data) == 2 else None
        )
        assert [text["message"] for text in found] == [LONG, "Bonjour"]
        for text in found:
            assert list(text) == [
                "id",
                "sender",
                "message",
                "received_at",
                "sent_at",
                "sim_number",
                "sim_number_id",
                "incomplete",
                "kind",
                "encoding",
                "port_number",
                "read",
            ]
            for name in ("received_at", "sent_at"):
                assert re.fullmatch(r"20[0-9-]{8}T[0-9:]{8}\.[0-9]{6}Z", text[name])
            assert text["sim_number"].startswith("+223")
            assert (text["sim_number_id"], text["incomplete"]) == (sim_id, False)
        assert [(text["kind"], text["encoding"], text["port_number"]) for text in found] == [
            ("text", "ucs2", None),
            ("text", "gsm7", None),
        ]
        assert [text["sender"] for text in found] == ["+22376000001", "OrangeMoney"]
        page = owner.client.get("/sms/inbox?limit=1").content
        assert (page["data"], page["next_cursor"]) == (found[:1], found[0]["id"])
        rest = owner.client.get(f"/sms/inbox?limit=1&cursor={page['next_cursor']}").content
        assert (rest["data"], rest["next_cursor"]) == (found[1:], None)
        for other_client in (tenant(running).client, Client(running.url, running.admin_key)):
            assert not {text["id"] for text in other_client.get("/sms/inbox").data} & {
                text["id"] for text in found
            }


def test_texts_on_a_sim_of_no_company_are_for_administration_keys(running: Running) -> None:
    sims = Client(running.url, running.admin_key).get("/sms/sims/available").data["available_sims"]
    port = next(sim["port"] for sim in sims if sim["assigned_to"] is None)
    order(running, do="incoming", port=port, **{"from": "36111"}, text="Votre solde est de 500 FCFA")

    def was_received(client: Client) -> bool:
        return "36111" in {text["sender"] for text in client.get("/sms/inbox").data}

    eventually(lambda: was_received(Client(running.url, running.admin_key)))
    assert was_received(tenant(running, "--admin").client)
    assert not was_received(tenant(running).client)


def test_the_inbox_needs_a_key_and_has_pages(running: Running, client: Client) -> None:
    assert client.get("/sms/inbox?limit=0&cursor=x").faults() == ["limit", "cursor"]
    assert client.get("/sms/inbox?limit=1001").faults() == ["limit"]
    Client(running.url, None).get("/sms/inbox").refused(401, "missing_api_key")
    client.post("/sms/inbox").refused(405, "method_not_allowed")


def test_texts_are_filtered_and_marked_as_read(running: Running) -> None:
    owner, other = tenant(running), tenant(running)
    client = owner.client
    with sim_of(running, owner) as (sim_id, port):
        for sender, text in (("OrangeMoney", "un"), ("+22376000001", "deux"), ("+22376000001", "trois")):
            order(running, do="incoming", port=port, **{"from": sender}, text=text)
            eventually(partial(_has_come, client, text))
        first, second = client.get("/sms/inbox").data[2], client.get("/sms/inbox").data[1]
        for query, found in (
            ("sender=OrangeMoney", ["un"]),
            ("sender=76000001", ["trois", "deux"]),
            ("sender=%2B22376000001&limit=1", ["trois"]),
            (f"since={second['received_at']}", ["trois", "deux"]),
            (f"until={second['received_at']}", ["un"]),
            (f"sim_number_id={sim_id}", ["trois", "deux", "un"]),
            (f"sim_number_id={sim_id + 1000}", []),
            ("unread=true", ["trois", "deux", "un"]),
            ("unread=false", []),
        ):
            assert messages(client, query) == found, query
        address = f"/sms/inbox/{first['id']}"
        assert first["read"] is False
        for _ in range(2):  # to repeat it changes nothing
            assert client.patch(address, {"read": True}).data == first | {"read": True}
        assert messages(client, "unread=true") == ["trois", "deux"]
        assert messages(client, "unread=false") == ["un"]
        other.client.patch(address, {"read": False}).refused(404, "not_found")
        assert client.patch(address, {"read": False}).data["read"] is False
        for wrong in ({}, {"read": 1}, {"read": None}):
            client.patch(address, wrong).refused(400, "invalid_request")


def test_a_filter_that_is_no_filter_is_refused(running: Running) -> None:
    client = tenant(running).client
    for query in ("unread=yes", "since=2025-10-30", "until=1", "sim_number_id=x", "limit=0", "cursor=x"):
        assert client.get(f"/sms/inbox?{query}").faults() == [query.partition("=")[0]]
    for number in ("0", "x", "9" * 30, "-1"):
        client.patch(f"/sms/inbox/{number}", {"read": True}).refused(404, "not_found")


def _has_come(client: Client, text: str) -> bool:
    return text in messages(client, "")


def messages(client: Client, query: str) -> list[str]:
    """The texts of one test. The SIM may have others, from before it belonged to the company."""
    found = [text["message"] for text in client.get(f"/sms/inbox?{query}").data]
    return [text for text in found if text in ("un", "deux", "trois")]
