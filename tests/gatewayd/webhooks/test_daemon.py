"""Webhooks of a whole daemon: kills of both sides lose nothing, stops are quick, and commands work beside it."""

from __future__ import annotations

import json
import resource
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook

from tests.conftest import Running, eventually
from tests.gatewayd.box import Box
from tests.gatewayd.webhooks.receiver import Answer, Certificates, Received, Receiver

MODULE = "tests.gatewayd.webhooks.open_daemon"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(
        tmp_path,
        slots={1: 1, 2: 1},
        dispatch="in_doubt_wait_s = 1",
        clock='trust = "always"',
        webhooks="retry_s = [0, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2]",
    )
    box.start_bank("--submit-s", "0.02", "--delivery-s", "0.05")
    box.start_gateway(module=MODULE)
    box.sims_ready(2)
    yield box
    box.stop()


def all_events(box: Box) -> list[str]:
    """The ids of all events of the company."""
    page = box.get("events?limit=1000")
    assert not page["more"]
    return [event["id"] for event in page["data"]]


def every_event(box: Box, *received: Callable[[], list[str]]) -> list[str] | None:
    """The ids of all events, once no message is pending and all were received. A kill may lose reports of the modems."""
    if box.get("sms/messages?status=pending")["data"]:
        return None
    found = {each for ids in received for each in ids()}
    wanted = all_events(box)
    return wanted if found == set(wanted) else None


def got_more_than(receiver: Receiver, count: int) -> bool:
    return len(receiver.received) > count


def test_a_daemon_that_is_killed_delivers_every_event(box: Box) -> None:
    with Receiver() as receiver:
        made = box.cli("webhook", "add", receiver.url, "--company", 1)
        sent = 0
        for kill in (True, True, False):
            for number in range(15):
                box.send(f"message {number}")
                sent += 1
            eventually(partial(got_more_than, receiver, sent // 2))
            if kill:
                assert box.gateway is not None
                box.gateway.kill()
                box.start_gateway(module=MODULE)
        wanted = eventually(partial(every_event, box, receiver.ids), 40)
        assert len(wanted) > sent
        # One id has one body, whatever was repeated, and every signature is valid. Reports may still come.
        bodies = {
            (event_id, request.body)
            for request in receiver.received
            if (event_id := request.headers["webhook-id"]) in wanted
        }
        assert len(bodies) == len(set(wanted))
        for request in receiver.received:
            Webhook(made["secret"]).verify(request.body, dict(request.headers))
        assert len(receiver.received) < 2 * len(wanted)


def test_a_receiver_that_goes_and_comes_back_gets_every_event(box: Box) -> None:
    receiver = Receiver()
    box.cli("webhook", "add", receiver.url, "--company", 1)
    ids = list[str]()
    for round_ in range(3):
        for number in range(5):
            box.send(f"message {round_} {number}")
        eventually(partial(got_more_than, receiver, 2))
        receiver.close()
        ids += receiver.ids()
        box.send(f"while it is away {round_}")
        receiver = Receiver(port=receiver.port)
    eventually(partial(every_event, box, receiver.ids, lambda: ids), 40)
    receiver.close()


def test_a_stop_does_not_wait_for_a_receiver_that_hangs(box: Box) -> None:
    asked = threading.Event()

    def hang(_: Received) -> Answer:
        asked.set()
        receiver.stopping.wait(60)
        return Answer()

    with Receiver(hang) as receiver:
        box.cli("webhook", "add", receiver.url, "--company", 1)
        box.send("x")
        assert asked.wait(20)
        box.stop_gateway()  # within 15 s, and with the exit code 0


def test_a_disk_that_fails_for_a_while_loses_no_event(box: Box) -> None:
    assert box.gateway is not None
    limits = resource.prlimit(box.gateway.pid, resource.RLIMIT_FSIZE)
    with Receiver() as receiver:
        made = box.cli("webhook", "add", receiver.url, "--company", 1)
        for number in range(5):
            box.send(f"before {number}")
        eventually(partial(got_more_than, receiver, 3))
        resource.prlimit(box.gateway.pid, resource.RLIMIT_FSIZE, (1, limits[1]))  # no file can be written
        eventually(lambda: requests.get(f"{box.api}/health", timeout=10).status_code == 503, 30)
        resource.prlimit(box.gateway.pid, resource.RLIMIT_FSIZE, limits)
        eventually(lambda: requests.get(f"{box.api}/health", timeout=10).status_code == 200, 30)
        for number in range(5):
            box.send(f"after {number}")
        eventually(partial(every_event, box, receiver.ids), 40)
        shown = ("webhook", "show", made["id"], "--limit", 1000, "--status")
        eventually(lambda: not box.cli(*shown, "pending")["deliveries"], 30)
        eventually(lambda: len(box.cli(*shown, "delivered")["deliveries"]) == len(all_events(box)))


def test_commands_manage_webhooks_of_a_running_daemon(box: Box) -> None:
    def answer(request: Received) -> Answer:
        return Answer(503 if b"message." in request.body and not fixed else 200, body=b"thanks")

    fixed = False
    with Receiver(answer) as receiver:
        made = box.cli("webhook", "add", receiver.url, "--company", 1, "--types", "message.sent")
        hook: int = made["id"]
        assert box.cli("webhook", "test", hook)["response"] == "thanks"
        box.send("x")
        eventually(lambda: [each["id"] for each in box.cli("status")["webhooks"]] == [hook])
        notes = [each["text"] for each in box.cli("check")["checks"] if each["about"] == "webhooks"]
        assert len(notes) == 1
        assert notes[0].startswith(f"Webhook {hook} has failed since ")
        eventually(lambda: box.cli("webhook", "show", hook, "--status", "failed")["deliveries"], 30)
        fixed = True
        assert box.cli("webhook", "replay", hook) == {"queued": 1, "complete": True}
        eventually(lambda: box.cli("webhook", "show", hook)["deliveries"][0]["status"] == "delivered")
        rotated = box.cli("webhook", "rotate", hook, "--revoke")
        assert rotated["secret"] != made["secret"]
        changed = box.cli("webhook", "set", hook, "--types", "all", "--state", "disabled")
        assert (changed["types"], changed["state"]) == (None, "disabled")
        assert [each["id"] for each in box.cli("webhook", "list")] == [hook]
        assert box.cli("webhook", "remove", hook)["id"] == hook
        assert box.cli("webhook", "list") == []
    secrets = (made["secret"], rotated["secret"])
    box.stop_gateway()
    assert box.gateway is not None
    assert not [line for line in box.gateway.stderr if any(secret in line for secret in secrets)]


def test_commands_manage_webhooks_while_no_daemon_runs(box: Box) -> None:
    box.stop_gateway()
    made = box.cli("webhook", "add", "http://192.168.77.1/", "--company", 1, "--box")
    assert made["scope"] == "box"
    assert box.cli("webhook", "show", made["id"])["deliveries"] == []
    assert box.cli("webhook", "set", made["id"], "--description", "Alarm")["description"] == "Alarm"
    assert box.cli("webhook", "rotate", made["id"])["secret"] != made["secret"]
    assert box.cli("webhook", "replay", made["id"], "--since", "2027-01-31", "--only", "all")["queued"] == 0
    assert box.cli("webhook", "remove", made["id"])["state"] == "ok"


def test_the_certificate_of_a_lan_is_believed_where_it_is_configured(tmp_path: Path) -> None:
    certificates = Certificates.make(tmp_path)
    box = Box(tmp_path, slots={1: 1}, clock='trust = "always"', webhooks=f'ca_file = "{certificates.ca}"')
    box.start_gateway(module=MODULE)
    with Receiver(tls=certificates.server()) as receiver:
        made = box.cli("webhook", "add", receiver.url, "--company", 1)
        assert box.cli("webhook", "test", made["id"])["status_code"] == 200
    box.stop()


def test_a_usual_daemon_sends_nothing_to_itself(running: Running) -> None:
    company = running.cli("company", "add", "Webhooks")["id"]
    refused = running.cli_raw("webhook", "add", "http://127.0.0.1:1/", "--company", company)
    assert refused.returncode == 1
    assert "must not lead to 127.0.0.1" in refused.stderr
    made = running.cli("webhook", "add", "http://localhost:1/", "--company", company)
    tested = running.cli_raw("webhook", "test", made["id"], "--json")
    assert tested.returncode == 1
    told: dict[str, Any] = json.loads(tested.stdout)
    assert told["status_code"] is None
    assert told["error"].startswith("The URL must not lead to ")
    assert running.cli("webhook", "remove", made["id"])["company"] == company
