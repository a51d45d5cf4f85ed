"""A duty of one box for all: it is done once, and another box goes on where the first one is gone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from gatewayd.store.engine.errors import StoreUnavailableError
from tests.conftest import eventually
from tests.fleet.proxy import Proxy
from tests.fleet.shared.running_boxes import RunningBox, RunningBoxes
from tests.gatewayd.webhooks.receiver import Receiver

pytestmark = pytest.mark.postgres

_SANDBOX_DELIVERED = "+22370123456"


def holder(boxes: RunningBoxes, duty: str) -> str | None:
    """The box that has a duty."""
    found: str | None = boxes.one(
        "SELECT d.box FROM duties d JOIN boxes b ON b.name = d.box AND b.epoch = d.epoch WHERE d.name = ? AND b.alive = 1",
        duty,
    )
    return found


def reaches(box: RunningBox) -> bool:
    """Whether a box reaches PostgreSQL."""
    try:
        return box.daemon.gateway.shared.write(lambda db: True)
    except StoreUnavailableError:
        return False


def test_a_webhook_gets_each_event_once_and_goes_on_at_another_box(boxes: RunningBoxes, proxy: Proxy) -> None:
    first = boxes.add("first", ports=0, proxy=proxy)
    eventually(lambda: holder(boxes, "webhooks") == "first")
    second = boxes.add("second")
    second.ready()
    company, key = boxes.company(second)
    second.knows(key, sims=1)
    with Receiver() as receiver:
        second.run("webhook.add", company=company, url=receiver.url, types=["message.delivered"])
        sent = [second.accepted(key, f"event {number}", wait_s=30)["sms_id"] for number in range(3)]
        eventually(lambda: len(receiver.received) == 3)
        # An event of which the answer is not noted yet would be posted again, as after a crash of a box alone.
        eventually(lambda: boxes.one("SELECT count(*) FROM deliveries WHERE state = 'delivered'") == 3)
        proxy.cut()  # the first box lives, and cannot reach PostgreSQL
        eventually(lambda: holder(boxes, "webhooks") == "second")
        sent.append(second.accepted(key, "event 3", wait_s=30)["sms_id"])
        eventually(lambda: len(receiver.received) == 4)
        proxy.heal()
        eventually(lambda: reaches(first))
        sent.append(second.accepted(key, "event 4", wait_s=30)["sms_id"])
        eventually(lambda: len(receiver.received) == 5)
        assert [json.loads(each.body)["data"]["sms_id"] for each in receiver.received] == sent


def test_a_duty_goes_at_once_to_another_box_where_its_box_stops(boxes: RunningBoxes) -> None:
    first = boxes.add("first", ports=0)
    eventually(lambda: holder(boxes, "scheduled") == "first")
    boxes.add("second", ports=0)
    first.stop()
    eventually(lambda: holder(boxes, "scheduled") == "second")


def two(boxes: RunningBoxes) -> tuple[RunningBox, RunningBox, str]:
    """A box that has all duties, one with a modem, and a key."""
    here = boxes.add("here", ports=0)
    eventually(lambda: holder(boxes, "webhooks") == "here")
    there = boxes.add("there")
    there.ready()
    _, key = boxes.company(there)
    here.knows(key, sims=1)
    return here, there, key


def test_a_scheduled_message_is_sent_when_it_is_due(boxes: RunningBoxes) -> None:
    here, there, key = two(boxes)
    due = datetime.now(UTC) + timedelta(seconds=2)
    sms_id = there.accepted(key, "later", send_at=due.isoformat())["sms_id"]
    assert here.status(key, sms_id)["status"] == "pending"
    eventually(lambda: here.status(key, sms_id)["status"] == "delivered")
    assert datetime.now(UTC) >= due
    shown = here.status(key, sms_id)
    assert datetime.fromisoformat(shown["sent_at"]) >= due


def test_a_message_that_no_box_can_send_expires(boxes: RunningBoxes) -> None:
    here, there, key = two(boxes)
    sim = there.run("sim.list")[0]["id"]
    assert there.bank is not None
    there.bank.set_registration(1, 3)
    eventually(
        lambda: not any(each.registered for each in there.daemon.gateway.port_registry.sims().values())
    )
    sms_id = here.accepted(key, "in vain", expires_in_s=1, sim_number_id=sim)["sms_id"]
    eventually(lambda: here.status(key, sms_id)["status"] == "failed")
    assert boxes.one("SELECT count(*) FROM queue") == 0
    assert boxes.one("SELECT count(*) FROM events WHERE type = 3") == 1


def test_sandbox_messages_are_played_once(boxes: RunningBoxes) -> None:
    here, there, _ = two(boxes)
    company = there.run("company.list")[0]["id"]
    key = there.run("key.add", company=company, sandbox=True)["key"]
    here.knows(key)
    for box in (here, there):
        sms_id = box.accepted(key, "played", recipient=_SANDBOX_DELIVERED, wait_s=30)["sms_id"]
        eventually(lambda sms_id=sms_id: here.status(key, sms_id)["status"] == "delivered")  # type: ignore[misc]
    assert boxes.one("SELECT count(*) FROM events WHERE sandbox = 1 AND type IN (1, 2)") == 4
