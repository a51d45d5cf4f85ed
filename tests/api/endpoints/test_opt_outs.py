"""Opt-outs over HTTP, by texts that a simulated modem receives, and by command."""

from __future__ import annotations

import csv
import io
from typing import Any

from tests.api.contract_client import Client, order, sim_of, tenant
from tests.conftest import Running, eventually

NUMBER = "+22370123456"


def opted_out(client: Client) -> list[str]:
    return [record["recipient"] for record in client.get("/sms/opt-outs").data]


def test_a_program_opts_numbers_out_and_in(running: Running) -> None:
    client, other = tenant(running).client, tenant(running).client
    assert client.get("/sms/opt-outs").content == {"success": True, "data": [], "next_cursor": None}
    first = client.post("/sms/opt-outs", {"recipient": "70123456", "reason": "par téléphone"}).data
    assert set(first) == {"recipient", "opted_out_at", "source", "reason", "message", "inbox_id"}
    assert (first["recipient"], first["source"], first["reason"]) == (NUMBER, "api", "par téléphone")
    assert client.post("/sms/opt-outs", {"recipient": NUMBER}).data == first
    client.post("/sms/opt-outs", {"recipient": "70123457"})
    page = client.get("/sms/opt-outs?limit=1").content
    assert [one["recipient"] for one in page["data"]] == ["+22370123457"]
    rest = client.get(f"/sms/opt-outs?limit=1&cursor={page['next_cursor']}").content
    assert (rest["data"], rest["next_cursor"]) == ([first], None)
    assert opted_out(other) == []
    other.call("DELETE", f"/sms/opt-outs/{NUMBER}").refused(404, "not_found")
    assert client.call("DELETE", "/sms/opt-outs/70123456").data == first
    assert opted_out(client) == ["+22370123457"]
    for number in (NUMBER, "12", "x"):
        client.call("DELETE", f"/sms/opt-outs/{number}").refused(404, "not_found")
    bodies: tuple[Any, ...] = ({}, {"recipient": "12"}, {"recipient": NUMBER, "reason": ""}, {"recipient": 7})
    for wrong in bodies:
        client.post("/sms/opt-outs", wrong).refused(400, "invalid_request")


def test_an_opt_out_blocks_campaigns_and_nothing_else(running: Running) -> None:
    owner = tenant(running)
    client = owner.client
    client.post("/sms/opt-outs", {"recipient": NUMBER})
    client.send(priority="bulk").refused(400, "opted_out")
    client.send(campaign_id=3).refused(400, "opted_out")
    assert client.post("/sms/preview", {"recipient": NUMBER, "message": "x", "campaign_id": 3}).data[
        "refusal"
    ] == ("opted_out")
    assert client.send().status == 200
    assert client.send(priority="otp").status == 200
    two = [{"recipient": "70123456", "message": "x"}, {"recipient": "70123499", "message": "x"}]
    results = client.bulk(two).content["results"]
    assert [result.get("error") for result in results] == ["opted_out", None]
    refused = client.bulk(two[:1])
    refused.refused(400, "opted_out")
    assert refused.content["summary"] == {"total": 1, "success": 0, "failed": 1}
    assert client.get("/sms/quota").data["sent_this_month"] == 3
    running.cli("company", "set", owner.company, "--opt-outs", "all")
    client.send().refused(400, "opted_out")
    running.cli("company", "set", owner.company, "--opt-outs", "bulk")
    assert client.send().status == 200


def test_a_text_opts_its_sender_out_and_in_and_is_kept_as_evidence(running: Running) -> None:
    owner = tenant(running)
    client = owner.client
    with sim_of(running, owner) as (_, port):
        order(running, do="incoming", port=port, **{"from": NUMBER}, text=" Arrêt ! ")
        (record,) = eventually(lambda: client.get("/sms/opt-outs").data)
        assert (record["recipient"], record["source"], record["message"]) == (NUMBER, "text", " Arrêt ! ")
        assert record["inbox_id"] == client.get("/sms/inbox").data[0]["id"]
        for event in client.get("/events").data:
            if event["type"] == "opt_out.changed":
                assert event["data"] == {"recipient": NUMBER, "opted_out": True, "source": "text"}
        order(running, do="incoming", port=port, **{"from": NUMBER}, text="start")
        eventually(lambda: opted_out(client) == [])
        types = [event["type"] for event in client.get("/events").data]
        assert types.count("opt_out.changed") == 2
    kept = running.cli("opt-out", "list", "--company", owner.company)
    assert [(one["text"], one["ended_source"], one["ended_text"]) for one in kept] == [
        (" Arrêt ! ", "text", "start")
    ]


def test_the_commands_list_add_and_remove(running: Running) -> None:
    company = str(tenant(running).company)
    added = running.cli("opt-out", "add", "70123456", "--company", company, "--reason", "=1+1")
    assert (added["recipient"], added["source"]) == (NUMBER, "cli")
    running.cli("opt-out", "remove", "70123456", "--company", company)
    assert running.cli_raw("opt-out", "remove", "70123456", "--company", company).returncode == 1
    printed = running.cli_raw("opt-out", "list", "--company", company, "--csv").stdout
    (row,) = csv.DictReader(io.StringIO(printed))
    assert (row["recipient"], row["ended_source"], row["reason"]) == (NUMBER, "cli", "'=1+1")
