"""A SIM that fails several recipients in a row rests, and other SIMs send its messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modem.errors import Kind
from modem.parts import Submission, Submitted
from modem.port.interface import Rest
from tests.gatewayd.played_ports import House, refused

A, B, C = "8922301000000000001", "8922301000000000002", "8922301000000000003"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, backoff_s=(0.05,), in_doubt_wait_s=0.05, max_attempts=3)
    yield house
    house.close()


def fail_one_recipient_after_another(house: House, port: int, count: int) -> None:
    for n in range(count):
        house.send(recipient=f"+2237000000{n}", sim=house.sim(A))
    step = house.next(port)
    for _ in range(count):
        assert isinstance(step, Submission)
        step = house.settle(port, step, refused(Kind.MOMENT))
    assert isinstance(step, Rest), "what comes next waits for the rest to end"


def test_a_sim_that_fails_several_recipients_in_a_row_rests_and_is_tried_with_one(house: House) -> None:
    house.up(1, A)
    fail_one_recipient_after_another(house, 1, 3)
    house.send("after", sim=house.sim(A))
    step = house.next(1)
    assert isinstance(step, Rest)
    assert step.seconds == pytest.approx(60)
    house.clock.passed += 61
    assert house.settle(1, house.claim(1), refused(Kind.MOMENT)) == Rest(120)
    house.clock.passed += 121
    house.send("more", sim=house.sim(A))
    assert isinstance(house.settle(1, house.claim(1), Submitted(1)), Submission)


def test_one_failing_recipient_does_not_make_a_sim_rest(house: House) -> None:
    house.up(1, A)
    for _ in range(3):
        house.send()
    step = house.next(1)
    for _ in range(3):
        assert isinstance(step, Submission)
        step = house.settle(1, step, refused(Kind.MOMENT))
    house.send("goes on")
    house.claim(1)


def test_bad_numbers_do_not_make_a_sim_rest(house: House) -> None:
    house.up(1, A)
    for n in range(5):
        house.send(recipient=f"+2237000000{n}")
    step = house.next(1)
    for _ in range(4):
        assert isinstance(step, Submission)
        step = house.settle(1, step, refused(Kind.RECIPIENT, 1))
    assert isinstance(step, Submission)


def test_other_sims_send_the_unpinned_messages_of_a_resting_sim(house: House) -> None:
    house.up(1, A)
    fail_one_recipient_after_another(house, 1, 3)
    house.send("unpinned")
    house.up(2, B)
    assert house.claim(2).segment.text == "unpinned"


def test_an_idle_sim_sends_a_new_message_for_a_resting_sim(house: House) -> None:
    house.up(1, A)
    fail_one_recipient_after_another(house, 1, 3)
    house.set_sim(A, company_id=house.company)
    house.up(2, B)
    rings = house.bells[2].rings
    house.send("unpinned")
    assert house.bells[2].rings > rings
    assert house.claim(2).segment.text == "unpinned"


def test_a_resting_sim_is_chosen_last(house: House) -> None:
    house.up(1, A)
    fail_one_recipient_after_another(house, 1, 3)
    house.up(2, B)
    for _ in range(5):
        assert house.view(house.send()).sim_number.endswith("2")
