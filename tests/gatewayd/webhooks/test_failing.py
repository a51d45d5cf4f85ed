"""A receiver that fails: the schedule of attempts, the states of its webhook, and how it catches up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gatewayd.records import EventType
from gatewayd.store import Transaction
from gatewayd.store.tables import events, inbound, retention, webhooks
from gatewayd.store.tables.inbound import Nature
from gatewayd.timekeeping.clock import SECOND
from gatewayd.webhooks import schedule
from gatewayd.webhooks.retention import DeliveryRetention
from tests.conftest import eventually, free_port
from tests.gatewayd.webhooks.hooked import Hooked, got, labels
from tests.gatewayd.webhooks.receiver import Answer, Received, Receiver, open_way

DAY_S = 86_400


class Fails:
    """Answers of a receiver: a status while it is set, else 200."""

    def __init__(self, status: int | None = 500, **headers: str) -> None:
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def __call__(self, _: Received) -> Answer:
        return Answer() if self.status is None else Answer(self.status, self.headers)


def only(hooked: Hooked, webhook: Any) -> Any:
    """The only delivery of a webhook, once it has an attempt."""
    [shown] = eventually(lambda: [one for one in hooked.deliveries(webhook) if one.delivery is not None])
    return shown.delivery


def attempts(hooked: Hooked, webhook: Any, count: int) -> Any:
    """The only delivery of a webhook, once it has so many attempts."""
    return eventually(lambda: found if len((found := only(hooked, webhook)).attempts) == count else None)


def test_the_attempts_follow_the_schedule_and_then_the_delivery_has_failed(tmp_path: Path) -> None:
    hooked = Hooked(tmp_path, retry_s=(0, 5, 300))
    with Receiver(Fails()) as receiver:
        webhook = hooked.hook(receiver)
        hooked.write("x")
        delivery = attempts(hooked, webhook, 1)
        assert delivery.state == "pending"
        assert 5 <= (delivery.next_at - hooked.clock.at) / SECOND <= 5.5
        hooked.until(webhook, "failing")
        hooked.forward(4.9)
        assert len(receiver.received) == 1
        hooked.forward(0.7)
        delivery = attempts(hooked, webhook, 2)
        assert 300 <= (delivery.next_at - hooked.clock.at) / SECOND <= 330
        hooked.forward(330)
        delivery = attempts(hooked, webhook, 3)
        assert (delivery.state, delivery.next_at) == ("failed", None)
        hooked.forward(DAY_S)
        hooked.write("another")
        eventually(lambda: labels(receiver) == ["x"] * 3 + ["another"])
        assert {(one.status_code, one.error) for one in delivery.attempts} == {
            (500, "The receiver answered 500.")
        }
    hooked.close()


def test_every_attempt_sends_the_bytes_of_the_first_also_after_a_restart(hooked: Hooked) -> None:
    with Receiver(Fails()) as receiver:
        webhook = hooked.hook(receiver)
        hooked.write("x")
        attempts(hooked, webhook, 1)
        hooked.store.write(lambda db: db.execute("UPDATE events SET data = '{}'"))
        hooked.restart()
        hooked.forward(1)
        eventually(lambda: len(receiver.received) == 2)
        first, second = receiver.received
        assert second.body == first.body
        assert second.headers["webhook-id"] == first.headers["webhook-id"]


def test_a_success_after_failures_ends_the_delivery(hooked: Hooked) -> None:
    with Receiver(fails := Fails()) as receiver:
        webhook = hooked.hook(receiver)
        hooked.write("x")
        attempts(hooked, webhook, 1)
        hooked.until(webhook, "failing")
        fails.status = None
        hooked.forward(1)
        delivery = attempts(hooked, webhook, 2)
        assert delivery.state == "delivered"
        hooked.until(webhook, "ok")
        assert hooked.row("SELECT count(*) FROM delivery_bodies")[0] == 0
        hooked.forward(DAY_S)
        hooked.write("y")
        eventually(got(receiver, "x", "x", "y"))


def test_other_events_go_on_beside_one_that_the_receiver_refuses(hooked: Hooked) -> None:
    def refuses_one(request: Received) -> Answer:
        return Answer(500 if json.loads(request.body)["data"]["label"] == "bad" else 200)

    with Receiver(refuses_one) as receiver:
        webhook = hooked.hook(receiver)
        hooked.write(1, "bad", 2, 3)
        eventually(got(receiver, 1, "bad", 2, 3))
        for again in range(1, 3):
            hooked.forward(1)
            eventually(got(receiver, 1, "bad", 2, 3, *["bad"] * again))
        eventually(lambda: len(hooked.deliveries(webhook, "failed")) == 1)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_retry_after_is_honoured_for_the_whole_receiver(tmp_path: Path, status: int) -> None:
    hooked = Hooked(tmp_path, retry_s=(0, 5))
    with Receiver(Fails(status, Retry_After="3600")) as receiver, Receiver() as other:
        webhook = hooked.hook(receiver)
        hooked.hook(other)
        hooked.write("x")
        delivery = attempts(hooked, webhook, 1)
        assert (delivery.next_at - hooked.clock.at) / SECOND == 3600
        for number in range(3):  # others get them, and this one does not
            hooked.write(number)
            eventually(got(other, "x", *range(number + 1)))
        assert labels(receiver) == ["x"]
    hooked.close()


@pytest.mark.parametrize(
    ("status", "value", "seconds"),
    [
        (503, "120", 120),
        (429, " 7 ", 7),
        (503, "99999999999999999999", 36_000),
        (503, "Wed, 21 Oct 2015 07:28:10 GMT", 10),
        (503, "Wed, 21 Oct 2015 07:20:00 GMT", 0),
        (503, "Wed, 21 Oct 2099 07:28:00 GMT", 36_000),
        (500, "120", 0),
        (503, "-5", 0),
        (503, "soon", 0),
        (503, "", 0),
        (503, None, 0),
    ],
)
def test_the_wish_of_a_receiver_is_read(status: int, value: str | None, seconds: float) -> None:
    assert schedule.retry_after_s(status, value, 1_445_412_480 * SECOND) == seconds


def test_a_410_pauses_the_webhook_and_tells_it(hooked: Hooked) -> None:
    with Receiver(Fails(410)) as receiver, Receiver() as other:
        webhook = hooked.hook(receiver)
        hooked.hook(other, EventType.WEBHOOK_PAUSED)
        hooked.write("x")
        hooked.until(webhook, "paused")
        [told] = eventually(lambda: other.received)
        assert json.loads(told.body)["data"] == {
            "webhook_id": webhook.id,
            "state": "paused",
            "reason": "gone",
        }
        hooked.write(*range(20))
        hooked.forward(600)
        assert len(receiver.received) == 1
        assert len(hooked.deliveries(webhook, "pending")) == 22  # with the event that it is paused


def test_a_receiver_that_fails_for_five_days_is_paused_and_tried_once_an_hour(hooked: Hooked) -> None:
    with Receiver(fails := Fails()) as receiver:
        webhook = hooked.hook(receiver)
        hooked.write("first")
        hooked.until(webhook, "failing")
        for _ in range(2):
            hooked.forward(1)
            eventually(lambda: not hooked.deliveries(webhook, "pending") or len(receiver.received) >= 2)
        eventually(lambda: len(hooked.deliveries(webhook, "failed")) == 1)
        hooked.forward(4.9 * DAY_S)
        hooked.write("still failing")
        eventually(lambda: len(receiver.received) == 4)
        assert hooked.state(webhook) == "failing"
        hooked.forward(0.2 * DAY_S)
        hooked.until(webhook, "paused")
        seen = len(receiver.received)
        hooked.write(*range(30))
        hooked.forward(3000)
        assert len(receiver.received) == seen
        hooked.forward(700)  # an hour after the last failure
        eventually(lambda: len(receiver.received) == seen + 1)
        assert labels(receiver)[-1] == "still failing"  # the oldest that is not given up
        fails.status = None
        hooked.forward(3700)
        hooked.until(webhook, "ok")
        # What failed meanwhile is sent again, and what has waited is sent once.
        eventually(lambda: not hooked.deliveries(webhook, "pending"), 30)
        assert not hooked.deliveries(webhook, "failed")
        after = [label for label in labels(receiver)[seen + 1 :] if label is not None]
        assert sorted(map(str, after)) == sorted(["first", "still failing", *map(str, range(30))])


def test_what_was_missed_is_sent_at_most_ten_a_second(hooked: Hooked) -> None:
    with Receiver() as receiver, Receiver() as other:
        webhook = hooked.hook(receiver)
        hooked.hook(other)
        hooked.gateway.webhooks.change(None, webhook.id, {"state": "disabled"})
        hooked.write("first")
        eventually(got(other, "first"))  # the sender has seen the change, and then the event
        hooked.write(*range(15))
        hooked.gateway.webhooks.change(None, webhook.id, {"state": "ok"})
        eventually(got(receiver, "first", *range(15)))
        times = [request.at for request in receiver.received]
        assert times[-1] - times[0] >= 15 * 0.1 * 0.9  # a bound from below: load only makes it longer


def test_a_receiver_that_is_away_is_tried_less_often_and_leaves_few_rows(hooked: Hooked) -> None:
    webhook = hooked.hook(f"http://127.0.0.1:{free_port()}/")
    hooked.write(*range(200))
    eventually(lambda: len([one for one in hooked.deliveries(webhook) if one.delivery]) >= 9)
    hooked.write("more")
    rows = hooked.row("SELECT count(*) FROM deliveries")[0]
    assert rows < 60
    assert [schedule.pause_s(failures) for failures in (0, 9, 10, 13, 14, 15, 10**6)] == [
        0,
        0,
        1,
        8,
        16,
        30,
        30,
    ]


def test_while_the_clock_is_untrusted_nothing_is_sent(hooked: Hooked) -> None:
    with Receiver() as receiver:
        webhook = hooked.hook(receiver)
        hooked.clock.trusted = False
        hooked.write("held")
        for _ in range(20):
            hooked.forward(1)
        assert hooked.state(webhook) == "ok"
        assert receiver.received == []
        hooked.clock.trusted = True
        hooked.forward(1)
        eventually(got(receiver, "held"), 30)
        sent_at = receiver.received[0].headers["webhook-timestamp"]
        assert sent_at == str(hooked.clock.at // SECOND)  # not before the time was trusted


def test_without_a_network_of_the_box_no_failure_counts(tmp_path: Path) -> None:
    online = False
    looks: list[bool] = []

    def has_network() -> bool:
        looks.append(online)
        return online

    hooked = Hooked(tmp_path)
    hooked.close()
    way = open_way()
    hooked.webhook_way = type(way)(way.judge, way.resolver, None, has_network)
    hooked.open()
    port = free_port()
    webhook = hooked.hook(f"http://127.0.0.1:{port}/")
    hooked.write("x")
    hooked.forward(1)
    eventually(lambda: looks)  # an attempt has failed
    assert hooked.state(webhook) == "ok"
    assert [one.delivery for one in hooked.deliveries(webhook)] == [None]
    online = True
    with Receiver(port=port) as receiver:
        hooked.gateway.webhooks.change(None, webhook.id, {"url": receiver.url})  # a change is tried at once
        eventually(got(receiver, "x"))
    hooked.close()


def test_a_clock_that_was_years_ahead_does_not_hold_a_delivery_for_years(hooked: Hooked) -> None:
    with Receiver(fails := Fails()) as receiver:
        webhook = hooked.hook(receiver)
        hooked.clock.at += 10 * 365 * DAY_S * SECOND
        hooked.write("x")
        attempts(hooked, webhook, 1)
        fails.status = None
        hooked.forward(-10 * 365 * DAY_S)
        hooked.restart()  # the worker knows the time of the next attempt, until it looks again
        eventually(got(receiver, "x", "x"))


def test_deleting_a_failing_webhook_leaves_no_rows(hooked: Hooked) -> None:
    with Receiver(Fails()) as receiver:
        webhook = hooked.hook(receiver)
        hooked.write(*range(5))
        eventually(lambda: hooked.row("SELECT count(*) FROM delivery_bodies")[0] == 5)
        hooked.gateway.webhooks.remove(None, webhook.id)
        DeliveryRetention(hooked.store, hooked.gateway.timers).begin()
        eventually(lambda: hooked.row("SELECT count(*) FROM deliveries")[0] == 0)
        assert hooked.row("SELECT count(*) FROM delivery_bodies")[0] == 0


def test_a_text_that_is_deleted_takes_the_stored_bytes_of_its_event_with_it(hooked: Hooked) -> None:
    hooked.up(1, "8922301000000000001")
    sim = hooked.sim("8922301000000000001")

    def keep(db: Transaction) -> int:
        inbox_id = inbound.keep_text(
            db, sim, "+22370123456", "Bonjour", sent_at=None, nature=Nature(), now=1, incomplete=False
        )
        events.write_of_text(db, inbox_id, hooked.clock.at)
        return inbox_id

    with Receiver(Fails()) as receiver:
        hooked.set_sim("8922301000000000001", company_id=hooked.company)
        hooked.hook(receiver)
        inbox_id = hooked.store.write(keep)
        eventually(lambda: hooked.row("SELECT count(*) FROM delivery_bodies")[0] == 1)
        hooked.store.write(lambda db: retention.drop(db, "inbox", [inbox_id]))
        assert hooked.row("SELECT count(*) FROM delivery_bodies")[0] == 0
        hooked.forward(1)  # there is nothing left to be sent
        eventually(lambda: hooked.row("SELECT count(*) FROM deliveries")[0] == 0)
        assert len(receiver.received) == 1


def test_a_webhook_that_the_database_damaged_stops_no_other(hooked: Hooked) -> None:
    with Receiver() as damaged, Receiver() as sound:
        webhook = hooked.hook(damaged)
        hooked.hook(sound)
        columns = {"secret": "whsec_!", "types": "quota.threshold,no.such.type"}
        hooked.store.write(lambda db: webhooks.set_columns(db, webhook.id, columns))
        hooked.restart()
        hooked.write(1)
        eventually(got(sound, 1))
        hooked.write(2)
        eventually(got(sound, 1, 2))
        assert damaged.received == []
        hooked.gateway.webhooks.rotate(None, webhook.id, revoke=True)
        eventually(got(damaged, 1, 2))
