"""A box that does not reach PostgreSQL sends what it has started until its lease is over, and not a part more."""

from __future__ import annotations

from time import monotonic

import pytest

from gatewayd.fleet.box.lease import Lease
from gatewayd.fleet.box.permit import FleetPermit
from tests.conftest import eventually
from tests.fleet.box.members import Boxes, running
from tests.fleet.proxy import Proxy

pytestmark = pytest.mark.postgres


class Time:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def test_a_lease_counts_from_before_its_beat_was_asked_for_and_belongs_to_one_epoch() -> None:
    time = Time()
    lease = Lease(time)
    assert not lease.holds(1)
    lease.renew(1, 100.0, 25.0)
    time.at = 124.9
    assert lease.holds(1)
    assert not lease.holds(2)
    assert lease.left_s() == pytest.approx(0.1)
    time.at = 125.0
    assert not lease.holds(1)
    lease.renew(1, 125.0, 25.0)
    lease.lose()
    assert not lease.holds(1)


def test_nothing_is_permitted_before_the_rows_of_the_epoch_were_compared() -> None:
    lease = Lease(Time())
    permit = FleetPermit(lease)
    lease.renew(3, 100.0, 25.0)
    assert not permit.is_open()
    permit.open(3)
    assert permit.is_open()
    permit.close()
    assert not permit.is_open()


def test_a_part_is_withheld_where_the_lease_ends_while_the_modem_is_asked(boxes: Boxes, proxy: Proxy) -> None:
    box = boxes.add("one", dsn=boxes.dsn_through(proxy), timing_prompt_s=30.0)
    box.bank.hold(1, "+CMGS")
    with running(box):
        message_id = boxes.queue.send("late")
        eventually(lambda: boxes.queue.state(message_id) == "started")
        eventually(lambda: box.part_state(message_id) == "submitting")
        proxy.cut()
        eventually(lambda: box.fleet.status().lease_s == 0)
        box.bank.release(1)
        eventually(lambda: box.part_state(message_id) == "queued")
        assert box.texts() == []
        proxy.heal()
        boxes.queue.becomes(message_id, "sent")
    assert box.texts() == ["late"]
    assert boxes.queue.one("SELECT count(*) FROM refusals") == 0


def test_what_is_started_goes_out_until_the_lease_is_over_and_is_told_later(
    boxes: Boxes, proxy: Proxy
) -> None:
    box = boxes.add("one", dsn=boxes.dsn_through(proxy), prefetch_s=60)
    box.bank.hold(1, "+CMGS", answer=True)
    with running(box):
        ids = [boxes.queue.send(f"message {number}") for number in range(6)]
        eventually(lambda: boxes.queue.one("SELECT count(*) FROM queue WHERE state = 'started'") >= 2)
        proxy.unplug()
        box.bank.release(1)
        eventually(lambda: box.fleet.status().lease_s == 0)
        sent = len(box.texts())
        ended = monotonic()
        assert 1 <= sent <= 3
        assert box.fleet.status().untold >= sent
        eventually(lambda: monotonic() - ended > 1.0)
        assert len(box.texts()) == sent
        proxy.heal()
        for message_id in ids:
            boxes.queue.becomes(message_id, "sent")
    assert sorted(box.texts()) == [f"message {number}" for number in range(6)]
