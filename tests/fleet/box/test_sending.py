"""A box takes messages from the queue of the fleet, sends them, and tells what became of them."""

from __future__ import annotations

import json

import pytest

from modem.simulator.bank import Fault
from tests.conftest import eventually
from tests.fleet.box.members import RECIPIENT, Boxes, Member, running

pytestmark = pytest.mark.postgres

LONG = "long " * 80


def test_a_message_of_the_queue_is_sent_and_told(boxes: Boxes) -> None:
    box = boxes.add("one")
    with running(box):
        message_id = boxes.queue.send("first")
        boxes.queue.becomes(message_id, "sent")
    assert box.texts() == ["first"]
    assert boxes.queue.state(message_id) is None


def test_many_messages_of_several_parts_are_sent_once_each_by_all_ports(boxes: Boxes) -> None:
    box = boxes.add("one", ports=3)
    ids = [
        boxes.queue.send(f"{number} {LONG if number % 5 == 0 else ''}", sim=1 + number % 3)
        for number in range(30)
    ]
    with running(box):
        for message_id in ids:
            boxes.queue.becomes(message_id, "sent")
    taken = boxes.counts()
    assert sum(taken.values()) == 24 + 6 * 3, taken
    assert boxes.queue.one("SELECT count(*) FROM sent_parts") == 24 + 6 * 3
    assert len({accepted.iccid for accepted in box.bank.accepted()}) == 3


def test_a_report_that_comes_later_is_told(boxes: Boxes) -> None:
    box = boxes.add("one")
    with running(box):
        message_id = boxes.queue.send("reported", recipient=box.bank.number(1))
        boxes.queue.becomes(message_id, "delivered")


def test_a_message_that_was_accepted_as_started_is_sent_without_a_claim(boxes: Boxes) -> None:
    box = boxes.add("one")
    with running(box):
        own = eventually(box.fleet.box_that_starts)
        eventually(lambda: 1 in box.gateway.port_registry.sims())
        message_id = boxes.queue.send("at once", started_by=own)
        assert boxes.queue.state(message_id) == "started"
        box.fleet.take_started([boxes.queue.started(message_id)])
        boxes.queue.becomes(message_id, "sent")
    assert box.texts() == ["at once"]


def test_an_acceptance_as_started_that_nobody_heard_of_is_found(boxes: Boxes) -> None:
    box = boxes.add("one")
    with running(box):
        own = eventually(box.fleet.box_that_starts)
        message_id = boxes.queue.send("not heard", started_by=own)
        box.fleet.lost_answer()
        boxes.queue.becomes(message_id, "sent")
    assert box.texts() == ["not heard"]


def test_what_a_sim_refuses_for_its_own_fault_is_sent_by_another_box(boxes: Boxes) -> None:
    one, two = boxes.add("one"), boxes.add("two", first_sim=2)
    boxes.place(one, 1)
    boxes.place(two, 2)
    one.bank.fault(1, Fault.REFUSED, 1000, code=28)  # unidentified subscriber
    with running(one, two):
        boxes.copy_sims()
        # Until the first box knows that another one can send, it tries again itself.
        eventually(lambda: [each.name for each in one.fleet.agent.status.others if each.alive] == ["two"])
        message_id = boxes.queue.send("refused", sim=1)
        boxes.queue.becomes(message_id, "sent")
    assert (one.texts(), two.texts()) == ([], ["refused"])
    assert boxes.queue.one("SELECT sim_id FROM messages WHERE id = ?", message_id) == 2
    assert (
        boxes.queue.one(
            "SELECT count(*) FROM refusals WHERE message_id = ? AND outcome = 'refused'", message_id
        )
        == 1
    )


def test_a_final_refusal_fails_the_message_with_its_reason(boxes: Boxes) -> None:
    box = boxes.add("one")
    box.bank.fault(1, Fault.REFUSED, 1, code=1)  # unassigned number
    with running(box):
        message_id = boxes.queue.send("to nobody")
        boxes.queue.becomes(message_id, "failed")
    assert boxes.queue.one("SELECT failure_reason FROM messages WHERE id = ?", message_id)
    assert boxes.queue.state(message_id) is None


def claimed(boxes: Boxes, box: Member, count: int) -> list[int]:
    """Messages for SIM 1 that its box has claimed, the first of them held by the modem; their ids."""
    ids = [boxes.queue.send(f"held {number}", sim=1) for number in range(count)]
    eventually(lambda: boxes.queue.one("SELECT count(*) FROM queue WHERE state <> 'waiting'") == count)
    eventually(lambda: box.bank.is_holding(1))
    return ids


def test_what_a_sim_cannot_send_any_more_waits_for_others(boxes: Boxes) -> None:
    box = boxes.add("one", prefetch_s=60, submit_timeout_s=60)
    box.bank.hold(1, "+CMGS", answer=True)
    with running(box):
        ids = claimed(boxes, box, 4)
        box.store.write(lambda db: db.execute("UPDATE sims SET enabled = 0"))
        # The one that the modem has stays.
        eventually(lambda: boxes.queue.one("SELECT count(*) FROM queue WHERE state = 'waiting'") == 3)
        box.store.write(lambda db: db.execute("UPDATE sims SET enabled = 1"))
        box.bank.release(1)
        for message_id in ids:
            boxes.queue.becomes(message_id, "sent")
    assert set(boxes.counts().values()) == {1}


def test_messages_of_a_sim_that_lost_its_network_wait_for_others(boxes: Boxes) -> None:
    """After ten seconds."""
    box = boxes.add("one", prefetch_s=60, submit_timeout_s=60)
    box.bank.hold(1, "+CMGS", answer=True)
    with running(box):
        ids = claimed(boxes, box, 4)
        box.bank.set_registration(1, 3)  # denied
        box.bank.release(1)
        eventually(lambda: boxes.queue.one("SELECT count(*) FROM queue WHERE state = 'waiting'") == 3)
        assert box.texts() == ["held 0"]
        box.bank.set_registration(1, 1)
        for message_id in ids:
            boxes.queue.becomes(message_id, "sent")
    assert set(boxes.counts().values()) == {1}


def test_a_text_that_comes_in_is_told(boxes: Boxes) -> None:
    box = boxes.add("one")
    with running(box):
        eventually(lambda: 1 in box.gateway.port_registry.sims())
        box.bank.incoming(1, RECIPIENT, "Bonjour")
        eventually(lambda: boxes.queue.one("SELECT text FROM inbox") == "Bonjour")


def test_a_report_that_fits_no_part_is_told(boxes: Boxes) -> None:
    """The part was sent by a SIM that was in another box then."""
    box = boxes.add("one")
    with running(box):
        message_id = boxes.queue.send("moved", recipient=box.bank.number(1))
        boxes.queue.becomes(message_id, "delivered")
        kinds = [row[0] for row in box.rows("SELECT kind FROM outcomes WHERE kind = 'part' ORDER BY number")]
        assert kinds == ["part", "part"]
        document = json.loads(box.row("SELECT document FROM outcomes ORDER BY number")[0])
        assert (document["state"], document["sim_id"]) == ("submitted", 1)
