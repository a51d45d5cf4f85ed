"""A SIM that fails several recipients in a row rests, and other SIMs send its messages."""

from __future__ import annotations

import threading

import pytest

from modem.errors import Kind
from modem.parts import Submission, Submitted
from modem.port.interface import Rest
from tests.gatewayd.played_ports import A, B, PlayedGateway, refused


def fail_one_recipient_after_another(played: PlayedGateway, port: int, count: int) -> None:
    for n in range(count):
        played.send(recipient=f"+2237000000{n}", sim=played.sim(A))
    step = played.next(port)
    for _ in range(count):
        assert isinstance(step, Submission)
        step = played.settle(port, step, refused(Kind.MOMENT))
    assert isinstance(step, Rest), "the next message waits until the rest ends"


def test_a_sim_that_fails_several_recipients_in_a_row_rests_and_is_tried_with_one(
    played: PlayedGateway,
) -> None:
    played.up(1, A)
    fail_one_recipient_after_another(played, 1, 3)
    played.send("after", sim=played.sim(A))
    step = played.next(1)
    assert isinstance(step, Rest)
    assert step.seconds == pytest.approx(60)
    played.clock.passed += 61
    assert played.settle(1, played.claim(1), refused(Kind.MOMENT)) == Rest(120)
    played.clock.passed += 121
    released = threading.Event()
    played.gateway.probe(released.set)  # after the timer that ends the pause of the refused part
    assert released.wait(60)
    played.send("more", sim=played.sim(A))
    assert isinstance(played.settle(1, played.claim(1), Submitted(1)), Submission)


def test_one_failing_recipient_does_not_make_a_sim_rest(played: PlayedGateway) -> None:
    played.up(1, A)
    for _ in range(3):
        played.send()
    step = played.next(1)
    for _ in range(3):
        assert isinstance(step, Submission)
        step = played.settle(1, step, refused(Kind.MOMENT))
    played.send("goes on")
    played.claim(1)


def test_bad_numbers_do_not_make_a_sim_rest(played: PlayedGateway) -> None:
    played.up(1, A)
    for n in range(5):
        played.send(recipient=f"+2237000000{n}")
    step = played.next(1)
    for _ in range(4):
        assert isinstance(step, Submission)
        step = played.settle(1, step, refused(Kind.RECIPIENT, 1))
    assert isinstance(step, Submission)


def test_other_sims_send_the_unpinned_messages_of_a_resting_sim(played: PlayedGateway) -> None:
    played.up(1, A)
    fail_one_recipient_after_another(played, 1, 3)
    played.send("unpinned")
    played.up(2, B)
    assert played.claim(2).segment.text == "unpinned"


def test_an_idle_sim_sends_a_new_message_for_a_resting_sim(played: PlayedGateway) -> None:
    played.up(1, A)
    fail_one_recipient_after_another(played, 1, 3)
    played.set_sim(A, company_id=played.company)
    played.up(2, B)
    wakes = played.ports[2].wakes
    played.send("unpinned")
    assert played.ports[2].wakes > wakes
    assert played.claim(2).segment.text == "unpinned"


def test_a_resting_sim_is_chosen_last(played: PlayedGateway) -> None:
    played.up(1, A)
    fail_one_recipient_after_another(played, 1, 3)
    played.up(2, B)
    for _ in range(5):
        assert played.view(played.send()).sim_number.endswith("2")
