"""A box that is gone: another one takes over what it had claimed, and what it had started comes in doubt."""

from __future__ import annotations

from time import monotonic

import pytest

from tests.conftest import eventually
from tests.fleet.box.members import Boxes, running
from tests.fleet.proxy import Proxy

pytestmark = pytest.mark.postgres


def test_what_a_cut_off_box_had_is_sent_by_another_and_nothing_twice(boxes: Boxes, proxy: Proxy) -> None:
    """It is cut off while its modem holds one message; that one comes in doubt, and its own journal settles it."""
    one = boxes.add("one", dsn=boxes.dsn_through(proxy), prefetch_s=60, submit_timeout_s=60)
    two = boxes.add("two", first_sim=2)
    one.bank.hold(1, "+CMGS", answer=True)
    with running(one):
        ids = [boxes.queue.send(f"message {number}", sim=1) for number in range(6)]
        eventually(lambda: boxes.queue.one("SELECT count(*) FROM queue WHERE state <> 'waiting'") == 6)
        proxy.cut()
        boxes.leave_places(one)
        boxes.place(two, 2)
        with running(two):
            begun = boxes.queue.one("SELECT count(*) FROM queue WHERE state = 'started' AND box = 'one'")
            for message_id in ids[begun:]:
                boxes.queue.becomes(message_id, "sent", 60)
            assert boxes.queue.state(ids[0]) == "started"
            one.bank.release(1)
            proxy.heal()
            for message_id in ids:
                boxes.queue.becomes(message_id, "sent", 60)
    assert boxes.counts() == {f"message {number}": 1 for number in range(6)}
    assert len(two.texts()) >= 6 - begun


@pytest.mark.parametrize(
    ("policy", "status", "taken"), [("retry", "sent", 1), ("fail", "failed", 0), ("hold", "pending", 0)]
)
def test_a_doubt_that_nobody_can_settle_is_decided_by_the_policy_of_the_fleet(
    boxes: Boxes, proxy: Proxy, policy: str, status: str, taken: int
) -> None:
    """The box does not come back."""
    one = boxes.add("one", submit_timeout_s=1, dsn=boxes.dsn_through(proxy))
    two = boxes.add("two", first_sim=2)
    boxes.set_fleet(in_doubt=policy, in_doubt_wait_s=0.5)
    boxes.place(two, 2)
    one.bank.hold(1, "+CMGS")
    one.start()
    message_id = boxes.queue.send("left", sim=1)
    eventually(lambda: boxes.queue.state(message_id) == "started")
    proxy.unplug()
    one.stop()
    with running(two):
        if policy == "hold":
            eventually(lambda: boxes.queue.state(message_id) == "in_doubt")
            since = monotonic()
            eventually(lambda: monotonic() - since > 4)  # several looks at doubts that are due
        else:
            boxes.queue.becomes(message_id, status, 60)
    assert boxes.queue.status(message_id) in (status, "delivered")
    assert two.texts() == ["left"] * taken


def test_a_box_that_comes_back_sends_what_it_had_started(boxes: Boxes, proxy: Proxy) -> None:
    """It was away for less than a rescue takes."""
    box = boxes.add("one", submit_timeout_s=60, dsn=boxes.dsn_through(proxy))
    box.bank.hold(1, "+CMGS", answer=False)
    box.start()
    ids = [boxes.queue.send(f"message {number}") for number in range(3)]
    eventually(lambda: boxes.queue.one("SELECT count(*) FROM queue WHERE state = 'started'") >= 1)
    proxy.unplug()
    box.stop()
    proxy.heal()
    box.bank.release(1)
    with running(box):
        for message_id in ids:
            boxes.queue.becomes(message_id, "sent", 60)
    assert boxes.counts() == {f"message {number}": 1 for number in range(3)}


def test_a_box_that_stops_leaves_what_it_did_not_begin_to_others_at_once(boxes: Boxes) -> None:
    one = boxes.add("one", prefetch_s=60)
    two = boxes.add("two", first_sim=2)
    boxes.place(two, 2)
    one.bank.hold(1, "+CMGS")
    one.start()
    ids = [boxes.queue.send(f"message {number}", sim=1) for number in range(4)]
    eventually(lambda: boxes.queue.one("SELECT count(*) FROM queue WHERE state <> 'waiting'") == 4)
    one.stop()
    assert boxes.queue.one("SELECT count(*) FROM queue WHERE state = 'waiting'") == 4
    with running(two):
        for message_id in ids:
            boxes.queue.becomes(message_id, "sent")
    assert boxes.counts() == {f"message {number}": 1 for number in range(4)}
