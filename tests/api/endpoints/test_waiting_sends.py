"""Sends that wait for a modem never use up the server."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.api.contract_client import DEADLINE_S, TEXT, Client, Reply, order, quiet, sim_of, tenant
from tests.conftest import Running, eventually
from tests.gatewayd.box import Box

DENIED, HOME = 3, 1


def test_half_of_the_threads_wait_and_the_next_send_is_answered_at_once(running: Running) -> None:
    quiet(running)
    owner = tenant(running)
    places = running.settings.api.threads // 2
    waited: list[Reply] = []

    def wait() -> None:
        waited.append(owner.client.post("/sms/send", TEXT | {"sim_number_id": sim_id}, {"Prefer": "wait=60"}))

    with sim_of(running, owner) as (sim_id, port):
        order(running, do="registration", port=port, stat=DENIED)
        try:
            eventually(lambda: not can_send(owner.client, sim_id))
            threads = [threading.Thread(target=wait) for _ in range(places)]
            for thread in threads:
                thread.start()
            eventually(lambda: len(owner.client.get("/sms/messages?status=pending").data) == places)
            reply = owner.client.post("/sms/send", TEXT | {"sim_number_id": sim_id}, {"Prefer": "wait=60"})
            assert reply.data["status"] == "pending"
            assert "Preference-Applied" not in reply.headers
            assert not waited
        finally:
            order(running, do="registration", port=port, stat=HOME)
        for thread in threads:
            thread.join(DEADLINE_S)
        assert [reply.data["status"] for reply in waited] == ["sent"] * places
        assert {reply.headers["Preference-Applied"] for reply in waited} == {"wait=60"}
        quiet(running)


def test_a_send_that_waits_is_answered_when_the_gateway_stops(tmp_path: Path) -> None:
    box = Box(tmp_path, slots={1: 1})
    try:
        box.start_bank()
        box.start_gateway()
        client = Client(box.api, box.headers["X-API-Key"])
        (sim,) = box.sims_ready(1)
        box.order(do="registration", port=1, stat=DENIED)
        eventually(lambda: not can_send(client, sim["id"]))
        waited: list[Reply] = []
        message = TEXT | {"sim_number_id": sim["id"]}
        waiter = threading.Thread(
            target=lambda: waited.append(client.post("/sms/send", message, {"Prefer": "wait=60"}))
        )
        waiter.start()
        eventually(lambda: client.get("/sms/messages?status=pending").data)
        box.stop_gateway()
    finally:
        box.stop()
    waiter.join(DEADLINE_S)
    assert [reply.data["status"] for reply in waited] == ["pending"]


def can_send(client: Client, sim_id: int) -> bool:
    sims = client.get("/sms/sims/available").data["available_sims"]
    return any(sim["id"] == sim_id and sim["can_send_sms"] for sim in sims)
