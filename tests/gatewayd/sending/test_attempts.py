"""What is tried, by whom, what becomes of it, and how that is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gatewayd.admin import messages as admin
from gatewayd.admin.context import Context
from gatewayd.cli import main
from gatewayd.errors import AdminError
from gatewayd.records import AttemptRecord, Status
from gatewayd.sending.scheduler import BEGUN_WAITS_S, HAND_ON_AFTER_S
from gatewayd.sims.numbering import Numbering
from gatewayd.timekeeping.clock import SECOND, Calendar
from modem.driver.registration import Registration
from modem.errors import Kind, cause
from modem.parts import InDoubt, Refused, Submission, Submitted
from modem.port.interface import Rest
from modem.sms.gsm7 import Alphabet
from modem.sms.tpdu import StatusReport
from tests.conftest import eventually
from tests.gatewayd.played_ports import RECIPIENT, House, refused

A, B, C = "8922301000000000001", "8922301000000000002", "8922301000000000003"
DUPLICATE = Refused(cause("CMS", 197))
BARRED = Refused(cause("CMS", 8))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, backoff_s=(0.02,), in_doubt_wait_s=0.02, max_attempts=3)
    yield house
    house.close()


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[House]:
    """One that waits for a report, or a person, as long as it takes."""
    house = House(tmp_path, in_doubt="hold", in_doubt_wait_s=0.02, backoff_s=(0.02,))
    house.up(1, A)
    yield house
    house.close()


def office(house: House, *, daemon: bool = True) -> Context:
    return Context(
        house.store,
        house.clock,
        Calendar(house.settings.numbers.zone),
        Numbering(house.settings.numbers),
        house.gateway if daemon else None,
    )


def settle(house: House, sms_id: str, verdict: str) -> dict[str, Any]:
    return admin.settle(office(house), sms_id, verdict)


def report(house: House, port: int, reference: int, status: int = 0, late_s: int = 0) -> None:
    at = datetime.fromtimestamp(house.clock.at / 1e6 + late_s, UTC)
    told = StatusReport("", reference, RECIPIENT, at, at, status)
    house.gateway.dispatcher.reported(house.statuses[port], told)


def attempts(house: House, sms_id: str) -> list[AttemptRecord]:
    return house.gateway.history(house.caller, sms_id)[1]


def again(house: House, port: int) -> Submission:
    found = eventually(lambda: step if isinstance(step := house.next(port), Submission) else None)
    assert isinstance(found, Submission)
    return found


def used(house: House) -> int:
    count: int = house.row("SELECT sum(used) FROM company_usage")[0]
    return count


# The list of attempts


def test_words_in_place_of_a_code_are_told_with_the_attempt(house: House) -> None:
    house.up(1, A)
    sms_id = house.send()
    house.settle(1, house.claim(1), Refused(cause("CMS", None, "no credit left")))
    (told,) = attempts(house, sms_id)
    assert told.meaning == f"{cause('CMS', None).reason} (no credit left)"
    assert told.meaning_fr == f"{cause('CMS', None).reason_fr} (no credit left)"
    assert "no credit left" in (house.view(sms_id).failure_reason or "")


def test_every_attempt_is_told_oldest_first_with_who_tried_and_what_it_means(house: House) -> None:
    house.up(1, A)
    sms_id = house.send()
    assert attempts(house, sms_id) == []
    house.settle(1, house.claim(1), Refused(cause("CMS", 38)))
    house.clock.at += 10 * SECOND
    house.settle(1, again(house, 1), InDoubt("no answer"))
    house.clock.at += 10 * SECOND
    house.settle(1, again(house, 1), Submitted(9))
    told = attempts(house, sms_id)
    assert [(one.part, one.outcome, one.code, one.port, one.sim_id) for one in told] == [
        (1, "refused", "+CMS ERROR: 38", 1, house.sim(A)),
        (1, "in_doubt", None, 1, house.sim(A)),
        (1, "sent", None, 1, house.sim(A)),
    ]
    assert told[0].at < told[1].at < told[2].at == house.clock.at
    assert {one.sim_number for one in told} == {"+22370000001"}
    assert told[0].meaning == cause("CMS", 38).reason
    assert told[0].meaning_fr == cause("CMS", 38).reason_fr
    assert "never said" in told[1].meaning
    assert "jamais dit" in told[1].meaning_fr
    assert house.view(sms_id).retry_count == 2
    shown: Any = admin.show(office(house), sms_id)["attempts"]
    assert [one["outcome"] for one in shown] == ["refused", "in_doubt", "sent"]


def test_an_attempt_that_was_in_doubt_and_was_reported_counts_as_sent(patient: House) -> None:
    sms_id = patient.send()
    patient.settle(1, patient.claim(1), InDoubt("no answer"))
    assert [one.outcome for one in attempts(patient, sms_id)] == ["in_doubt"]
    report(patient, 1, 9)
    assert [one.outcome for one in attempts(patient, sms_id)] == ["sent"]


def test_a_power_cut_is_an_attempt_in_doubt(patient: House) -> None:
    sms_id = patient.send()
    patient.claim(1)
    patient.restart()
    (told,) = attempts(patient, sms_id)
    assert (told.outcome, told.port) == ("in_doubt", 1)


def test_what_never_reached_the_modem_is_no_attempt(house: House) -> None:
    house.up(1, A)
    sms_id = house.send()
    house.settle(1, house.claim(1), refused(Kind.SIM, 1, "LOCAL"))
    assert attempts(house, sms_id) == []


# Doubts


def test_a_part_in_doubt_that_ran_out_of_attempts_fails_with_a_true_reason(tmp_path: Path) -> None:
    house = House(tmp_path, in_doubt_wait_s=0.02, max_attempts=2)
    house.up(1, A)
    sms_id = house.send()
    house.settle(1, house.claim(1), InDoubt("no answer"))
    house.settle(1, again(house, 1), InDoubt("no answer"))
    eventually(lambda: house.view(sms_id).status is Status.FAILED)
    reason = house.view(sms_id).failure_reason or ""
    assert "may have arrived" in reason
    assert "peut-être arrivé" in reason
    assert not house.view(sms_id).in_doubt
    house.close()


def test_what_is_held_says_that_a_person_can_settle_it(patient: House) -> None:
    sms_id = patient.send()
    patient.settle(1, patient.claim(1), InDoubt("no answer"))
    eventually(lambda: "message settle" in (patient.view(sms_id).failure_reason or ""))
    assert (patient.view(sms_id).status, patient.view(sms_id).in_doubt) == (Status.PENDING, True)


def test_a_doubt_settled_as_sent_is_sent_and_a_late_report_delivers_it(patient: House) -> None:
    sms_id = patient.send()
    patient.settle(1, patient.claim(1), InDoubt("no answer"))
    assert settle(patient, sms_id, "sent")["status"] == "sent"
    assert (patient.view(sms_id).in_doubt, patient.view(sms_id).failure_reason) == (False, None)
    assert used(patient) == 1
    report(patient, 1, 200)
    assert patient.view(sms_id).status is Status.DELIVERED


def test_a_doubt_settled_as_failed_gives_its_quota_back_and_a_late_report_changes_nothing(
    patient: House,
) -> None:
    sms_id = patient.send()
    patient.settle(1, patient.claim(1), InDoubt("no answer"))
    told = settle(patient, sms_id, "failed")
    assert (told["status"], told["in_doubt"]) == ("failed", False)
    assert "person" in str(told["failure_reason"])
    assert used(patient) == 0
    report(patient, 1, 200)
    assert patient.view(sms_id).status is Status.FAILED
    assert patient.next(1) == Rest()


def test_a_part_that_went_out_keeps_the_quota_when_the_other_is_settled_as_failed(patient: House) -> None:
    sms_id = patient.send("é" * 200)
    second = patient.settle(1, patient.claim(1), Submitted(1))
    assert isinstance(second, Submission)
    patient.settle(1, second, InDoubt("no answer"))
    assert settle(patient, sms_id, "failed")["status"] == "failed"
    assert used(patient) == 1


def test_a_doubt_settled_as_retry_is_sent_again_at_once(patient: House) -> None:
    sms_id = patient.send()
    first = patient.claim(1)
    patient.settle(1, first, InDoubt("no answer"))
    rings = patient.bells[1].rings
    told = settle(patient, sms_id, "retry")
    assert (told["status"], told["in_doubt"], told["failure_reason"]) == ("pending", False, None)
    assert patient.bells[1].rings > rings
    second = patient.claim(1)
    assert second.token > first.token
    patient.settle(1, second, Submitted(3))
    assert patient.view(sms_id).status is Status.SENT


def test_a_late_report_on_what_is_to_be_sent_again_spares_the_repetition(patient: House) -> None:
    sms_id = patient.send()
    patient.settle(1, patient.claim(1), InDoubt("no answer"))
    settle(patient, sms_id, "retry")
    report(patient, 1, 77, late_s=7200)  # of another time
    assert patient.view(sms_id).status is Status.PENDING
    report(patient, 1, 77, late_s=20)
    assert patient.view(sms_id).status is Status.DELIVERED
    assert patient.next(1) == Rest()


def test_wrong_use_of_settle_says_what_to_do(patient: House) -> None:
    with pytest.raises(AdminError, match="gatewayd message list"):
        settle(patient, "nothing", "sent")
    sms_id = patient.send()
    with pytest.raises(AdminError, match="gatewayd message cancel"):
        settle(patient, sms_id, "sent")
    patient.settle(1, patient.claim(1), Submitted(1))
    with pytest.raises(AdminError, match="nothing to settle"):
        settle(patient, sms_id, "retry")


def test_a_verdict_that_is_none_is_wrong_use() -> None:
    result = CliRunner().invoke(main, ["message", "settle", "some-id", "perhaps"])
    assert result.exit_code == 2
    assert "sent" in result.output


def test_without_a_daemon_what_it_left_in_the_air_can_be_settled(patient: House) -> None:
    sms_id = patient.send()
    patient.claim(1)
    assert admin.settle(office(patient, daemon=False), sms_id, "sent")["status"] == "sent"
    assert [one.outcome for one in attempts(patient, sms_id)] == ["sent"]


# A repetition that the service centre refuses


def test_only_a_repetition_after_a_doubt_asks_to_be_refused(house: House) -> None:
    house.up(1, A)
    house.send()
    first = house.claim(1)
    assert not first.reject_duplicates
    house.settle(1, first, refused(Kind.MOMENT))
    second = again(house, 1)
    assert not second.reject_duplicates
    house.settle(1, second, InDoubt("no answer"))
    third = again(house, 1)
    assert third.reject_duplicates
    assert third.message_reference == first.message_reference


def test_a_refused_repetition_is_sent_once_more_without_asking_and_fails_no_message(tmp_path: Path) -> None:
    house = House(tmp_path, in_doubt_wait_s=0.02, max_attempts=2)
    house.up(1, A)
    sms_id = house.send()
    house.settle(1, house.claim(1), InDoubt("no answer"))
    second = again(house, 1)
    third = house.settle(1, second, DUPLICATE)  # at once, and although that was the last attempt
    assert isinstance(third, Submission)
    assert not third.reject_duplicates
    house.settle(1, third, Submitted(5))
    assert house.view(sms_id).status is Status.SENT
    assert [one.code for one in attempts(house, sms_id)] == [None, "+CMS ERROR: 197", None]
    house.close()


def test_repetitions_that_are_refused_for_ever_end(tmp_path: Path) -> None:
    house = House(tmp_path, in_doubt_wait_s=0.02, backoff_s=(0.01,), max_attempts=3)
    house.up(1, A)
    sms_id = house.send()
    house.settle(1, house.claim(1), InDoubt("no answer"))
    step = house.settle(1, again(house, 1), DUPLICATE)
    assert isinstance(step, Submission)
    house.settle(1, step, DUPLICATE)
    assert house.view(sms_id).status is Status.FAILED
    house.close()


def test_a_refused_repetition_was_sent_where_the_modem_keeps_our_references(house: House) -> None:
    house.up(1, A)
    for text in "123":
        house.send(text, recipient="+22370000099")
        part = house.claim(1)
        house.settle(1, part, Submitted(part.message_reference))
    sms_id = house.send()
    house.settle(1, house.claim(1), InDoubt("no answer"))
    repeated = again(house, 1)
    assert house.settle(1, repeated, DUPLICATE) == Rest()
    assert house.view(sms_id).status is Status.SENT
    report(house, 1, repeated.message_reference)
    assert house.view(sms_id).status is Status.DELIVERED


# Long messages that must finish on another SIM

TEXT = "".join(f"<{number:03}>" for number in range(80))  # 400 characters: 3 parts


def begun(house: House, text: str = TEXT) -> str:
    """A message of three parts, the first of which A has sent; the others wait."""
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


def test_a_begun_message_waits_for_its_sim_and_goes_on_as_it_began(house: House) -> None:
    sms_id = begun(house)
    house.down(1)
    house.clock.passed += BEGUN_WAITS_S - HAND_ON_AFTER_S
    assert house.next(2) == Rest()
    house.up(1, A)
    sent = finished_by(house, 1)
    assert [(part.seq, part.alone) for part in sent] == [(2, False), (3, False)]
    assert house.view(sms_id).status is Status.SENT


@pytest.mark.parametrize("gone", ["for long", "disabled"])
def test_a_begun_message_is_finished_by_another_sim_in_texts_of_their_own(house: House, gone: str) -> None:
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
    report(house, 2, 1)
    report(house, 2, 2)
    assert house.view(sms_id).status is Status.SENT
    report(house, 1, 1)  # the part that went out first is known by its own SIM
    assert house.view(sms_id).status is Status.DELIVERED


def test_a_begun_message_that_its_sim_is_barred_from_is_finished_by_another_at_once(house: House) -> None:
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


def test_a_passing_trouble_does_not_take_a_begun_message_apart_before_the_last_attempt(house: House) -> None:
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


def test_a_part_that_stands_alone_fits_with_its_mark(house: House) -> None:
    begun(house, "ж" * 200)
    house.set_sim(A, enabled=0)
    part = house.claim(2)
    assert (part.segment.alphabet, part.segment.text) == (Alphabet.UCS2, "…" + "ж" * 67)


def test_a_begun_message_of_a_sim_whose_port_was_taken_out_is_finished_by_another(house: House) -> None:
    sms_id = begun(house)
    house.close()
    del house.bells[1]  # out of the configuration
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
