"""A box takes messages from the queue of the fleet, sends them, and tells what became of them."""

from __future__ import annotations

import pytest

from tests.fleet.box.members import Boxes, running

pytestmark = pytest.mark.postgres


def test_a_message_of_the_queue_is_sent_and_told(boxes: Boxes) -> None:
    box = boxes.add("one")
    with running(box):
        message_id = boxes.queue.send("first")
        boxes.queue.becomes(message_id, "sent")
    assert box.texts() == ["first"]
    assert boxes.queue.state(message_id) is None
