"""Whatever answer of PostgreSQL is lost, executed, late or never executed: each message is handed over once, and is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import eventually
from tests.fleet.box.members import Boxes, running
from tests.fleet.proxy import Proxy

pytestmark = pytest.mark.postgres

# A statement of each transaction of the agent, the last of it, and the transactions' ends.
STATEMENTS = {
    "join": r"UPDATE boxes SET epoch",
    "look": r"last_message_id",
    "claim": r"SET state = 'claimed'",
    "start": r"SET state = 'started'",
    "upload": r"UPDATE boxes b SET acknowledged",
    "list": r"SELECT message_id, sim_id, state, epoch, incarnation",
    "stamp": r"UPDATE queue q SET epoch",
}
LATE = ("claim", "start")


def series() -> list[Any]:
    """Each statement with an answer that is lost, and executed late; the ordinary run has the late ones of two statements."""
    return [
        pytest.param(
            statement, late_s, marks=[pytest.mark.bench] if late_s and statement not in LATE else [], id=name
        )
        for statement in STATEMENTS
        for late_s in (0.0, 1.0)
        for name in [f"{statement}-late" if late_s else statement]
    ]


@pytest.mark.parametrize(("statement", "late_s"), series())
def test_a_lost_answer_doubles_and_loses_nothing(
    boxes: Boxes, proxy: Proxy, statement: str, late_s: float
) -> None:
    box = boxes.add("one", ports=2, dsn=boxes.dsn_through(proxy), prefetch_s=60)
    if statement == "stamp":
        box.bank.hold(1, "+CMGS", answer=True)
    loss = proxy.lose_answer_to(STATEMENTS[statement], late_s=late_s)
    with running(box):
        ids = [boxes.queue.send(f"message {number}", sim=1 + number % 2, pinned=True) for number in range(8)]
        if statement == "stamp":  # there is something to stamp only after another loss
            eventually(
                lambda: boxes.queue.one("SELECT count(*) FROM queue WHERE state = 'claimed' AND sim_id = 1")
            )
            proxy.reset()
        eventually(loss.done.is_set)
        box.bank.release(1)
        for message_id in ids:
            boxes.queue.becomes(message_id, "sent")
    assert boxes.counts() == {f"message {number}": 1 for number in range(8)}
    assert boxes.queue.one("SELECT count(*) FROM queue") == 0


@pytest.mark.parametrize("late_s", [0.0, pytest.param(1.0, marks=pytest.mark.bench)])
def test_lost_answers_to_commits_double_and_lose_nothing(boxes: Boxes, proxy: Proxy, late_s: float) -> None:
    box = boxes.add("one", ports=2, dsn=boxes.dsn_through(proxy))
    with running(box):
        eventually(box.fleet.box_that_starts)
        ids = []
        for number in range(12):
            loss = proxy.lose_next_commit_answer(late_s=late_s)
            ids.append(boxes.queue.send(f"message {number}", sim=1 + number % 2))
            eventually(loss.done.is_set)
        for message_id in ids:
            boxes.queue.becomes(message_id, "sent", 60)
    assert boxes.counts() == {f"message {number}": 1 for number in range(12)}
    assert boxes.queue.one("SELECT count(*) FROM queue") == 0


@pytest.mark.parametrize("held", ["prompt", "answer"])
def test_a_message_whose_part_was_on_its_way_while_the_epoch_changed_goes_out_soon(
    boxes: Boxes, proxy: Proxy, held: str
) -> None:
    """With the prompt the part is withheld, as its epoch is over; with the answer it is sent, and others wait behind it."""
    box = boxes.add("one", dsn=boxes.dsn_through(proxy), timing_prompt_s=60, submit_timeout_s=60)
    box.bank.hold(1, "+CMGS", answer=held == "answer")
    with running(box):
        message_id = boxes.queue.send("long " * 80)
        eventually(lambda: box.part_state(message_id) == "submitting")
        epoch = eventually(box.fleet.box_that_starts).epoch
        proxy.reset()
        eventually(lambda: (own := box.fleet.box_that_starts()) and own.epoch > epoch)
        box.bank.release(1)
        boxes.queue.becomes(message_id, "sent")
    assert len(box.texts()) == 3
