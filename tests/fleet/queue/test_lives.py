"""The usual life of a message: accepted, claimed, started, sent, delivered."""

from __future__ import annotations

import pytest

from tests.fleet.queue.boxes_of_a_fleet import NOW, Fleet

pytestmark = pytest.mark.postgres


def test_a_message_is_claimed_started_and_sent(fleet: Fleet) -> None:
    [message_id] = fleet.accept(1)
    [claimed] = fleet.claim("a", 1, 2)
    assert (claimed.message_id, claimed.sim_id, claimed.bound) == (message_id, 1, False)
    assert claimed.row["text"] == "Hello"
    assert fleet.state(message_id) == "claimed"
    started = fleet.start("a", [message_id])[message_id]
    assert [(part.seq, part.sent, part.token) for part in started.parts] == [(1, False, 0)]
    epoch = fleet.boxes["a"].epoch
    answer = fleet.upload("a", fleet.part(message_id, "submitted", sim_id=1, epoch=epoch))
    assert (answer.settled, answer.final, answer.set_aside) == ([f"sms-{message_id}"], {message_id}, [])
    message = fleet.message(message_id)
    assert (message["status"], message["sim_id"], message["unsent"]) == ("sent", 1, 0)
    assert message["sent_at"] == NOW + 1_000_000
    assert fleet.row(message_id) is None
    assert fleet.events(message_id) == [1]
    assert fleet.usage(1) == (1, 1, 1, 0)


def test_a_report_makes_it_delivered(fleet: Fleet) -> None:
    message_id = fleet.started("a", 1)
    epoch = fleet.boxes["a"].epoch
    fleet.upload("a", fleet.part(message_id, "submitted", sim_id=1, epoch=epoch))
    fleet.upload("a", fleet.part(message_id, "delivered", sim_id=1, epoch=epoch))
    assert fleet.state(message_id) == "delivered"
    assert fleet.events(message_id) == [1, 2]
