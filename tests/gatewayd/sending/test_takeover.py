"""Another SIM finishes a long message whose own SIM cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatewayd.records import Status
from gatewayd.sending.scheduler import BEGUN_WAITS_S, HAND_ON_AFTER_S
from modem.driver.registration import Registration
from modem.errors import Kind, cause
from modem.parts import Refused, Submission, Submitted
from modem.port.interface import Rest
from modem.sms.gsm7 import Alphabet
from tests.gatewayd.played_ports import A, B, PlayedGateway, attempts, claim_after_backoff, refused, report_on

BARRED = Refused(cause("CMS", 8))


TEXT = "".join(f"<{number:03}>" for number in range(80))  # 400 characters: 3 parts


def send_first_part(played: PlayedGateway, text: str = TEXT) -> str:
    """A message of three parts: A has sent the first one, the others wait."""
    played.up(1, A)
    sms_id = played.send(text)
    first = played.claim(1)
    played.up(1, A, registration=Registration.SEARCHING)
    assert played.settle(1, first, Submitted(1)) == Rest()
    played.up(2, B)
    return sms_id


def send_rest(played: PlayedGateway, port: int) -> list[Submission]:
    sent = [played.claim(port)]
    while isinstance(step := played.settle(port, sent[-1], Submitted(len(sent))), Submission):
        sent.append(step)
    return sent


def test_a_partly_sent_message_waits_for_its_sim(played: PlayedGateway) -> None:
    sms_id = send_first_part(played)
    played.down(1)
    played.clock.passed += BEGUN_WAITS_S - HAND_ON_AFTER_S
    assert played.next(2) == Rest()
    played.up(1, A)
    sent = send_rest(played, 1)
    assert [(part.seq, part.alone) for part in sent] == [(2, False), (3, False)]
    assert played.view(sms_id).status is Status.SENT


@pytest.mark.parametrize("lost", ["for long", "disabled"])
def test_another_sim_sends_the_rest_as_separate_texts(played: PlayedGateway, lost: str) -> None:
    sms_id = send_first_part(played)
    first = attempts(played, sms_id)[0]
    if lost == "for long":
        played.down(1)
        played.clock.passed += BEGUN_WAITS_S
    else:
        played.set_sim(A, enabled=0)
    sent = send_rest(played, 2)
    assert [(part.seq, part.alone) for part in sent] == [(2, True), (3, True)]
    assert "".join(part.segment.text.removeprefix("...") for part in sent) == TEXT[153:]
    assert all(part.segment.text.startswith("...") for part in sent)
    assert played.view(sms_id).status is Status.SENT
    assert [(attempt.part, attempt.sim_id) for attempt in attempts(played, sms_id)] == [
        (1, played.sim(A)),
        (2, played.sim(B)),
        (3, played.sim(B)),
    ]
    assert attempts(played, sms_id)[0] == first
    report_on(played, 2, 1)
    report_on(played, 2, 2)
    assert played.view(sms_id).status is Status.SENT
    report_on(played, 1, 1)  # the first part belongs to its own SIM
    assert played.view(sms_id).status is Status.DELIVERED


def test_another_sim_finishes_a_message_at_once_when_its_sim_is_barred(played: PlayedGateway) -> None:
    played.up(1, A)
    played.up(2, B)
    played.send(TEXT)
    port = 1 if isinstance(first := played.next(1), Submission) else 2
    part = first if isinstance(first, Submission) else played.claim(2)
    second = played.settle(port, part, Submitted(1))
    assert isinstance(second, Submission)
    assert played.settle(port, second, BARRED) == Rest()
    sent = send_rest(played, 3 - port)
    assert [(part.seq, part.alone) for part in sent] == [(2, True), (3, True)]


def test_a_temporary_failure_does_not_move_a_partly_sent_message_before_the_last_attempt(
    played: PlayedGateway,
) -> None:
    played.up(1, A)
    played.send("é" * 200)
    second = played.settle(1, played.claim(1), Submitted(1))
    played.up(2, B)
    for _ in range(2):
        assert isinstance(second, Submission)
        played.settle(1, second, refused(Kind.MOMENT))
        assert played.next(2) == Rest()
        second = claim_after_backoff(played, 1)
        assert not second.alone
    assert isinstance(second, Submission)
    played.settle(1, second, refused(Kind.MOMENT))  # the last of three
    last = played.claim(2)
    assert (last.seq, last.alone) == (2, True)


def test_a_separate_part_with_its_mark_fits_in_one_sms(played: PlayedGateway) -> None:
    send_first_part(played, "ж" * 200)
    played.set_sim(A, enabled=0)
    part = played.claim(2)
    assert (part.segment.alphabet, part.segment.text) == (Alphabet.UCS2, "…" + "ж" * 67)


def test_another_sim_finishes_a_message_when_the_port_was_removed(played: PlayedGateway) -> None:
    sms_id = send_first_part(played)
    played.close()
    del played.ports[1]  # removed from the configuration
    played.open()
    played.up(2, B)
    assert [part.alone for part in send_rest(played, 2)] == [True, True]
    assert played.view(sms_id).status is Status.SENT


def test_a_resting_sim_is_tried_with_one_message_each_time(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path, max_attempts=1)
    played.up(1, A)
    for number in range(10):
        played.send(recipient=f"+2237000001{number}")
    step = played.next(1)
    tried = 0
    while isinstance(step, Submission):
        step, tried = played.settle(1, step, refused(Kind.MOMENT)), tried + 1
    assert tried == 3
    for _ in range(3):
        assert isinstance(step, Rest)
        played.clock.passed += step.seconds or 0
        step = played.settle(1, played.claim(1), refused(Kind.MOMENT))
    assert played.row("SELECT count(*) FROM refusals")[0] == 6
    played.close()
