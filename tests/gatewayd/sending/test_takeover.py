"""Another SIM finishes a long message whose own SIM cannot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayd.records import Status
from gatewayd.sending.scheduler import BEGUN_WAITS_S, HAND_ON_AFTER_S
from modem.driver.registration import Registration
from modem.errors import Kind, cause
from modem.parts import Refused, Submission, Submitted
from modem.port.interface import Rest
from modem.sms.gsm7 import Alphabet
from tests.gatewayd.played_ports import (
    House,
    again,
    attempts,
    refused,
    report_on,
)

A, B, C = "8922301000000000001", "8922301000000000002", "8922301000000000003"


BARRED = Refused(cause("CMS", 8))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, backoff_s=(0.02,), in_doubt_wait_s=0.02, max_attempts=3)
    yield house
    house.close()


TEXT = "".join(f"<{number:03}>" for number in range(80))  # 400 characters: 3 parts


def begun(house: House, text: str = TEXT) -> str:
    """A message of three parts: A has sent the first one, the others wait."""
    house.up(1, A)
    sms_id = house.send(text)
    first = house.claim(1)
    house.up(1, A, registration=Registration.SEARCHING)
    assert house.settle(1, first, Submitted(1)) == Rest()
    house.up(2, B)
    return sms_id


def finished_by(house: House, port: int) -> list[Submission]:
    sent = [house.claim(port)]
    while isinstance(step := house.settle(port, sent[-1], Submitted(len(sent))), Submission):
        sent.append(step)
    return sent


def test_a_partly_sent_message_waits_for_its_sim(house: House) -> None:
    sms_id = begun(house)
    house.down(1)
    house.clock.passed += BEGUN_WAITS_S - HAND_ON_AFTER_S
    assert house.next(2) == Rest()
    house.up(1, A)
    sent = finished_by(house, 1)
    assert [(part.seq, part.alone) for part in sent] == [(2, False), (3, False)]
    assert house.view(sms_id).status is Status.SENT


@pytest.mark.parametrize("gone", ["for long", "disabled"])
def test_another_sim_finishes_a_message_with_separate_texts(house: House, gone: str) -> None:
    sms_id = begun(house)
    first = attempts(house, sms_id)[0]
    if gone == "for long":
        house.down(1)
        house.clock.passed += BEGUN_WAITS_S
    else:
        house.set_sim(A, enabled=0)
    sent = finished_by(house, 2)
    assert [(part.seq, part.alone) for part in sent] == [(2, True), (3, True)]
    assert "".join(part.segment.text.removeprefix("...") for part in sent) == TEXT[153:]
    assert all(part.segment.text.startswith("...") for part in sent)
    assert house.view(sms_id).status is Status.SENT
    assert [(one.part, one.sim_id) for one in attempts(house, sms_id)] == [
        (1, house.sim(A)),
        (2, house.sim(B)),
        (3, house.sim(B)),
    ]
    assert attempts(house, sms_id)[0] == first
    report_on(house, 2, 1)
    report_on(house, 2, 2)
    assert house.view(sms_id).status is Status.SENT
    report_on(house, 1, 1)  # the first part belongs to its own SIM
    assert house.view(sms_id).status is Status.DELIVERED


def test_another_sim_finishes_a_message_at_once_when_its_sim_is_barred(house: House) -> None:
    house.up(1, A)
    house.up(2, B)
    house.send(TEXT)
    port = 1 if isinstance(first := house.next(1), Submission) else 2
    part = first if isinstance(first, Submission) else house.claim(2)
    second = house.settle(port, part, Submitted(1))
    assert isinstance(second, Submission)
    assert house.settle(port, second, BARRED) == Rest()
    sent = finished_by(house, 3 - port)
    assert [(part.seq, part.alone) for part in sent] == [(2, True), (3, True)]


def test_a_temporary_failure_does_not_move_a_partly_sent_message_before_the_last_attempt(
    house: House,
) -> None:
    house.up(1, A)
    house.send("é" * 200)
    second = house.settle(1, house.claim(1), Submitted(1))
    house.up(2, B)
    for _ in range(2):
        assert isinstance(second, Submission)
        house.settle(1, second, refused(Kind.MOMENT))
        assert house.next(2) == Rest()
        second = again(house, 1)
        assert not second.alone
    assert isinstance(second, Submission)
    house.settle(1, second, refused(Kind.MOMENT))  # the last of three
    last = house.claim(2)
    assert (last.seq, last.alone) == (2, True)


def test_a_separate_part_with_its_mark_fits_in_one_sms(house: House) -> None:
    begun(house, "ж" * 200)
    house.set_sim(A, enabled=0)
    part = house.claim(2)
    assert (part.segment.alphabet, part.segment.text) == (Alphabet.UCS2, "…" + "ж" * 67)


def test_another_sim_finishes_a_message_when_the_port_was_removed(house: House) -> None:
    sms_id = begun(house)
    house.close()
    del house.bells[1]  # removed from the configuration
    house.open()
    house.up(2, B)
    assert [part.alone for part in finished_by(house, 2)] == [True, True]
    assert house.view(sms_id).status is Status.SENT


def test_a_sim_that_rested_is_tried_with_one_message_each_time(tmp_path: Path) -> None:
    house = House(tmp_path, max_attempts=1)
    house.up(1, A)
    for number in range(10):
        house.send(recipient=f"+2237000001{number}")
    step = house.next(1)
    tried = 0
    while isinstance(step, Submission):
        step, tried = house.settle(1, step, refused(Kind.MOMENT)), tried + 1
    assert tried == 3
    for _ in range(3):
        assert isinstance(step, Rest)
        house.clock.passed += step.seconds or 0
        step = house.settle(1, house.claim(1), refused(Kind.MOMENT))
    assert house.row("SELECT count(*) FROM refusals")[0] == 6
    house.close()
