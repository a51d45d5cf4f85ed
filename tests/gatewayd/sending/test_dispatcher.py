"""What ports are told to do, and what is made of what they tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from gatewayd.records import Draft, MessageFilter, Options, Priority, Status
from modem.driver.registration import Registration
from modem.errors import UNENCODABLE, Kind
from modem.parts import InDoubt, Submission, Submitted
from modem.port.interface import Outcome, Reported, Rest, Switch, WorkUnavailableError
from modem.simulator.core.tpdu import timestamp
from modem.sms.gsm7 import Alphabet
from modem.sms.tpdu import Deliver, StatusReport, parse
from tests.conftest import eventually
from tests.gatewayd.played_ports import RECIPIENT, House, refused

A, B, C = "8922301000000000001", "8922301000000000002", "8922301000000000003"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, backoff_s=(0.05,), in_doubt_wait_s=0.05, max_attempts=3)
    yield house
    house.close()


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[House]:
    """One that waits for a report as long as it takes."""
    house = House(tmp_path, in_doubt="hold")
    yield house
    house.close()


def report(
    house: House, reference: int, status: int = 0, recipient: str = RECIPIENT, late_s: float = 0
) -> StatusReport:
    taken = datetime.fromtimestamp(house.clock.at / 1e6, UTC) + timedelta(seconds=late_s)
    return StatusReport("", reference, recipient, taken, taken, status)


def reported(house: House, port: int, told: StatusReport) -> None:
    house.gateway.dispatcher.reported(house.statuses[port], told)


def commits(house: House) -> int:
    return house.store.commit_times.histograms()[""].buckets[-1][1]


def test_a_message_goes_out_once_and_is_delivered_by_its_report(house: House) -> None:
    house.up(1, A)
    sms_id = house.send("bonjour")
    part = house.claim(1)
    assert (part.recipient, part.segment.text, part.seq, part.total) == (RECIPIENT, "bonjour", 1, 1)
    assert house.view(sms_id).status is Status.PENDING
    assert house.settle(1, part, Submitted(7)) == Rest()
    assert house.view(sms_id).status is Status.SENT
    reported(house, 1, report(house, 7))
    assert house.view(sms_id).status is Status.DELIVERED


def test_the_outcome_of_one_and_the_claim_of_the_next_are_one_transaction(house: House) -> None:
    house.up(1, A)
    first, second = house.send("1"), house.send("2")
    part = house.claim(1)
    following = house.settle(1, part, Submitted(1))
    assert isinstance(following, Submission)
    assert following.segment.text == "2"
    assert house.view(first).status is Status.SENT
    assert house.view(second).status is Status.PENDING


def test_a_long_message_is_sent_when_all_parts_are_and_delivered_when_all_are_reported(house: House) -> None:
    house.up(1, A)
    text = "é" * 400
    sms_id = house.send(text)
    part, texts = house.claim(1), []
    for reference in (1, 2, 3):
        assert house.view(sms_id).status is Status.PENDING
        texts.append(part.segment.text)
        step = house.settle(1, part, Submitted(reference))
        if isinstance(step, Submission):
            assert step.reference == part.reference
            part = step
    assert "".join(texts) == text
    assert house.view(sms_id).status is Status.SENT
    for reference in (2, 1, 3):
        assert house.view(sms_id).status is Status.SENT
        reported(house, 1, report(house, reference))
    assert house.view(sms_id).status is Status.DELIVERED


def test_a_report_that_comes_before_its_answer_is_not_lost(house: House) -> None:
    house.up(1, A)
    sms_id = house.send()
    part = house.claim(1)
    reported(house, 1, report(house, 9))
    house.settle(1, part, Submitted(9))
    assert house.view(sms_id).status is Status.DELIVERED


def test_reports_that_came_meanwhile_are_kept_with_the_outcome_and_the_next_claim(house: House) -> None:
    """Also that of the very part whose outcome it is, and that of a SIM that was in the slot before."""
    house.up(1, B)
    other = house.send("0", sim=house.sim(B))
    house.settle(1, house.claim(1), Submitted(7))
    before = house.statuses[1]
    house.up(1, A)
    sent = [house.send(str(n), sim=house.sim(A)) for n in (1, 2)]
    part = house.claim(1)
    reports = [Reported(before, report(house, 7)), Reported(house.statuses[1], report(house, 8))]
    outcome = Outcome(part, Submitted(8), house.clock.passed, house.clock.passed)
    before_it = commits(house)
    following = house.next(1, outcome, reports)
    assert commits(house) == before_it + 1
    assert isinstance(following, Submission)
    assert [house.view(sms_id).status for sms_id in (other, *sent)] == [
        Status.DELIVERED,
        Status.DELIVERED,
        Status.PENDING,
    ]
    house.settle(1, following, Submitted(9))  # the SIM that is in the slot now is still known
    assert house.view(sent[1]).status is Status.SENT
    assert house.next(1) == Rest()
    house.send("3", sim=house.sim(A))
    assert isinstance(house.next(1), Submission)


def test_a_report_matches_by_reference_and_recipient_and_sim(house: House) -> None:
    house.up(1, A)
    house.up(2, B)
    sms_id = house.send(sim=house.sim(A))
    house.settle(1, house.claim(1), Submitted(5))
    reported(house, 1, report(house, 5, recipient="+22376999999"))
    reported(house, 1, report(house, 6))
    reported(house, 2, report(house, 5))
    assert house.view(sms_id).status is Status.SENT
    reported(house, 1, report(house, 5, recipient="70123456"))  # as some networks write it
    assert house.view(sms_id).status is Status.DELIVERED


def test_when_references_wrap_the_report_goes_to_the_submission_of_its_time(house: House) -> None:
    house.up(1, A)
    first = house.send("1")
    house.settle(1, house.claim(1), Submitted(5))
    house.clock.at += 3600 * 1_000_000
    second = house.send("2")
    house.settle(1, house.claim(1), Submitted(5))
    reported(house, 1, report(house, 5, late_s=-3600))
    assert (house.view(first).status, house.view(second).status) == (Status.DELIVERED, Status.SENT)
    reported(house, 1, report(house, 5))
    assert house.view(second).status is Status.DELIVERED


@pytest.mark.parametrize(
    ("status", "becomes"),
    [
        (0x00, Status.DELIVERED),
        (0x02, Status.DELIVERED),
        (0x30, Status.SENT),
        (0x46, Status.FAILED),
        (0x61, Status.FAILED),
    ],
)
def test_every_class_of_report(house: House, status: int, becomes: Status) -> None:
    house.up(1, A)
    sms_id = house.send()
    house.settle(1, house.claim(1), Submitted(5))
    reported(house, 1, report(house, 5, status=status))
    assert house.view(sms_id).status is becomes


# Every TP-ST that 23.040, 9.2.3.15 names, and the edges of its reserved ranges
@pytest.mark.parametrize("status", [*range(0x03), 0x0F, 0x10, 0x1F])
def test_reports_of_completion_deliver(house: House, status: int) -> None:
    assert after(house, status) is Status.DELIVERED


@pytest.mark.parametrize("status", [*range(0x20, 0x27), 0x2F, 0x30, 0x3F])
def test_reports_of_a_passing_trouble_change_nothing_and_the_last_word_does(
    house: House, status: int
) -> None:
    assert after(house, status) is Status.SENT
    reported(house, 1, report(house, 5, status=status))
    reported(house, 1, report(house, 5))
    assert house.gateway.messages(house.caller, MessageFilter())[0][0].status is Status.DELIVERED


@pytest.mark.parametrize(
    "status", [*range(0x40, 0x4B), 0x4F, 0x50, 0x5F, *range(0x60, 0x67), 0x6F, 0x70, 0x7F, 0x80, 0xFF]
)
def test_reports_of_a_lasting_trouble_fail(house: House, status: int) -> None:
    assert after(house, status) is Status.FAILED


def after(house: House, status: int) -> Status:
    """What a sent message is after such a report."""
    house.up(1, A)
    sms_id = house.send()
    house.settle(1, house.claim(1), Submitted(5))
    reported(house, 1, report(house, 5, status=status))
    return house.view(sms_id).status


def test_a_report_that_comes_twice_is_not_the_word_about_the_next_part(house: House) -> None:
    house.up(1, A)
    first = house.send("1")
    house.settle(1, house.claim(1), Submitted(5))
    told = report(house, 5)
    reported(house, 1, told)
    assert house.view(first).status is Status.DELIVERED
    house.clock.at += 60 * 1_000_000
    second = house.send("2")
    part = house.claim(1)
    reported(house, 1, told)  # while the next is in the air
    house.settle(1, part, Submitted(5))
    assert house.view(second).status is Status.SENT
    reported(house, 1, told)  # and once it is sent
    assert house.view(second).status is Status.SENT
    reported(house, 1, report(house, 5))
    assert house.view(second).status is Status.DELIVERED


def test_a_report_before_its_answer_that_comes_again_after_it_is_taken_once(house: House) -> None:
    house.up(1, A)
    first = house.send("1")
    part, told = house.claim(1), report(house, 5)
    reported(house, 1, told)
    house.settle(1, part, Submitted(5))
    house.clock.at += 60 * 1_000_000
    second = house.send("2")
    part = house.claim(1)
    reported(house, 1, told)
    house.settle(1, part, Submitted(5))
    assert (house.view(first).status, house.view(second).status) == (Status.DELIVERED, Status.SENT)


def test_parts_of_one_second_on_a_modem_that_does_not_count_have_their_reports(house: House) -> None:
    house.up(1, A)
    ids = [house.send(str(number)) for number in range(3)]
    step: object = house.claim(1)
    for _ in ids:
        assert isinstance(step, Submission)
        step = house.settle(1, step, Submitted(0))
    for _ in ids:
        reported(house, 1, report(house, 0))
    assert {house.view(sms_id).status for sms_id in ids} == {Status.DELIVERED}


def test_a_report_of_nothing_that_is_in_the_air_is_not_kept(house: House) -> None:
    house.up(1, A)
    reported(house, 1, report(house, 5))  # of another program's message, or of one from before
    house.send()
    part = house.claim(1)
    reported(house, 1, report(house, 5, recipient="+22376999999"))
    assert house.row("SELECT count(*) FROM reports")[0] == 0
    house.settle(1, part, Submitted(5))
    assert house.gateway.messages(house.caller, MessageFilter())[0][0].status is Status.SENT


def test_the_last_word_goes_to_the_part_of_the_first(house: House) -> None:
    house.up(1, A)
    first = house.send("1")
    house.settle(1, house.claim(1), Submitted(5))
    told = report(house, 5, status=0x30)
    reported(house, 1, told)
    house.clock.at += 100 * 1_000_000
    second = house.send("2")
    house.settle(1, house.claim(1), Submitted(5))
    reported(house, 1, replace(told, status=0x46))
    assert (house.view(first).status, house.view(second).status) == (Status.FAILED, Status.SENT)
    reported(house, 1, report(house, 5))
    assert house.view(second).status is Status.DELIVERED


def test_a_report_that_came_while_the_modem_stayed_silent_settles_the_doubt(patient: House) -> None:
    patient.up(1, A)
    sms_id = patient.send()
    part = patient.claim(1)
    reported(patient, 1, report(patient, 9))
    patient.settle(1, part, InDoubt("silence"))
    assert patient.view(sms_id).status is Status.DELIVERED
    assert patient.next(1) == Rest()  # it is not sent again


def test_a_report_that_came_before_a_power_cut_settles_the_doubt(patient: House) -> None:
    patient.up(1, A)
    sms_id = patient.send()
    patient.claim(1)
    reported(patient, 1, report(patient, 9))
    patient.restart()
    assert patient.view(sms_id).status is Status.DELIVERED


def test_reports_after_a_power_cut_find_parts_whose_end_nobody_saw(patient: House) -> None:
    patient.up(1, A)
    first = patient.send("1")
    patient.claim(1)
    patient.restart()
    patient.up(1, A)
    told = report(patient, 9)
    reported(patient, 1, told)
    assert patient.view(first).status is Status.DELIVERED
    patient.clock.at += 60 * 1_000_000
    second = patient.send("2")
    patient.settle(1, patient.claim(1), Submitted(9))
    reported(patient, 1, told)
    assert patient.view(second).status is Status.SENT
    reported(patient, 1, report(patient, 9))
    assert patient.view(second).status is Status.DELIVERED


def test_a_report_without_a_time_is_for_the_part_that_no_other_spoke_of(house: House) -> None:
    house.up(1, A)
    first = house.send("1")
    house.settle(1, house.claim(1), Submitted(5))
    house.clock.at += 600 * 1_000_000
    second = house.send("2")
    house.settle(1, house.claim(1), Submitted(5))
    reported(house, 1, report(house, 5, status=0x30))
    reported(house, 1, replace(report(house, 5), service_centre_at=None))
    assert (house.view(first).status, house.view(second).status) == (Status.DELIVERED, Status.SENT)


def test_nothing_leaves_a_final_status(house: House) -> None:
    house.up(1, A)
    sms_id = house.send()
    house.settle(1, house.claim(1), Submitted(5))
    reported(house, 1, report(house, 5, status=0x46))
    reported(house, 1, report(house, 5, status=0x00))
    assert house.view(sms_id).status is Status.FAILED
    assert house.view(sms_id).delivered_at is None


def test_higher_priority_first_then_oldest(house: House) -> None:
    house.up(1, A)
    for text, priority in (
        ("b", Priority.BULK),
        ("n1", Priority.NORMAL),
        ("n2", Priority.NORMAL),
        ("o", Priority.OTP),
    ):
        house.send(text, priority=priority, sim=house.sim(A) if text == "n1" else None)
    order, step = [], house.next(1)
    while isinstance(step, Submission):
        order.append(step.segment.text)
        step = house.settle(1, step, Submitted(1))
    assert order == ["o", "n1", "n2", "b"]


def test_a_bad_number_fails_at_once_with_its_reason_and_gives_its_quota_back(house: House) -> None:
    house.up(1, A)
    sms_id = house.send()
    assert house.gateway.quota(house.caller).used == 1
    house.settle(1, house.claim(1), refused(Kind.RECIPIENT, 1))
    view = house.view(sms_id)
    assert view.status is Status.FAILED
    assert view.failure_reason == "The network is out of order / Le réseau est en panne (+CMS ERROR: 1)"
    assert house.gateway.quota(house.caller).used == 0
    assert house.row("SELECT taken, failed FROM sim_usage")[:] == (0, 1)


def _rang(house: House, before: int) -> bool:
    return house.bells[1].rings > before


def test_what_passes_is_tried_again_after_its_back_off_and_fails_in_the_end(house: House) -> None:
    house.up(1, A)
    sms_id = house.send()
    part = house.claim(1)
    for attempt in (1, 2):
        rings = house.bells[1].rings
        assert house.settle(1, part, refused(Kind.MOMENT)) == Rest()
        assert house.view(sms_id).status is Status.PENDING
        part = eventually(lambda: step if isinstance(step := house.next(1), Submission) else None)
        eventually(partial(_rang, house, rings))
        assert house.view(sms_id).retry_count == attempt
    house.settle(1, part, refused(Kind.MOMENT))
    assert house.view(sms_id).status is Status.FAILED


def test_a_sick_sim_hands_an_unpinned_message_to_another(house: House) -> None:
    house.up(1, A)
    sms_id = house.send()
    house.up(2, B)
    assert house.settle(1, house.claim(1), refused(Kind.SIM, 313)) == Rest()
    assert house.claim(2).segment.text == "hello"
    assert house.view(sms_id).sim_number == "+22370000002"
    assert house.row("SELECT sum(taken) FROM sim_usage WHERE sim_id = ?", house.sim(A))[0] == 0
    assert house.row("SELECT sum(taken) FROM sim_usage WHERE sim_id = ?", house.sim(B))[0] == 1


def test_a_wrong_setting_of_one_sim_fails_no_message_that_another_can_carry(house: House) -> None:
    house.up(1, A)
    house.send()
    house.up(2, B)
    house.settle(1, house.claim(1), refused(Kind.CONFIGURATION, 330))
    assert house.claim(2).segment.text == "hello"


def test_what_cannot_be_written_as_a_pdu_fails_in_the_end(house: House) -> None:
    house.up(1, A)
    sms_id = house.send()
    for _ in range(3):
        part = eventually(lambda: step if isinstance(step := house.next(1), Submission) else None)
        house.settle(1, part, refused(Kind.CONFIGURATION, UNENCODABLE, "LOCAL"))
    assert house.view(sms_id).status is Status.FAILED


def test_a_pinned_message_stays_with_its_sim(house: House) -> None:
    house.up(1, A)
    house.up(2, B)
    house.send(sim=house.sim(A))
    house.settle(1, house.claim(1), refused(Kind.SIM, 313))
    assert house.next(2) == Rest()
    eventually(lambda: isinstance(house.next(1), Submission))


def test_a_part_that_never_reached_the_modem_is_no_attempt(house: House) -> None:
    house.up(1, A)
    sms_id = house.send()
    for _ in range(5):
        house.up(1, A)
        part = house.claim(1)
        house.down(1)
        assert house.settle(1, part, refused(Kind.SIM, None, "LOCAL")) == Rest()
    assert house.view(sms_id).status is Status.PENDING
    assert house.view(sms_id).retry_count == 0


def test_a_late_writer_changes_nothing(house: House) -> None:
    house.up(1, A)
    sms_id = house.send()
    old = house.claim(1)
    house.settle(1, old, refused(Kind.MOMENT))
    new = eventually(lambda: step if isinstance(step := house.next(1), Submission) else None)
    assert new.token > old.token
    house.settle(1, old, Submitted(3))
    assert house.view(sms_id).status is Status.PENDING
    house.settle(1, new, Submitted(4))
    assert house.view(sms_id).status is Status.SENT


def test_what_was_in_the_air_at_a_crash_is_in_doubt_and_a_report_settles_it(tmp_path: Path) -> None:
    house = House(tmp_path, in_doubt_wait_s=3600)
    house.up(1, A)
    sms_id = house.send()
    house.claim(1)
    house.restart()
    house.up(1, A)
    assert house.next(1) == Rest()
    assert house.view(sms_id).in_doubt
    assert house.view(sms_id).status is Status.PENDING
    reported(house, 1, report(house, 77, recipient="+22376999999"))  # another's
    for another_time in (-7200, 7200):
        reported(house, 1, report(house, 77, late_s=another_time))
    assert house.view(sms_id).in_doubt
    reported(house, 1, report(house, 77, late_s=20))
    assert house.view(sms_id).status is Status.DELIVERED
    assert not house.view(sms_id).in_doubt
    house.close()


def stamp(at: datetime, zone: str) -> str:
    """A time stamp with this octet for its time zone."""
    return timestamp(at).hex()[:12] + zone


@pytest.mark.parametrize("zone", ["E1", "C2", "FF", "9F", "A0", "7F"])
@pytest.mark.parametrize(
    ("ahead_h", "discharged"), [(-7, "8A"), (5, "02"), (0, "00"), (0, "E1"), (0, "FF"), (0, None)]
)
def test_a_report_with_a_garbled_time_zone_settles_a_doubt(
    tmp_path: Path, zone: str, ahead_h: int, discharged: str | None
) -> None:
    house = House(tmp_path, in_doubt="retry", in_doubt_wait_s=3600)
    house.up(1, A)
    sms_id = house.send()
    house.settle(1, house.claim(1), InDoubt("no answer"))
    there = datetime.fromtimestamp(house.clock.at / 1e6, UTC) + timedelta(hours=ahead_h)
    at_discharge = "00" * 7 if discharged is None else stamp(there + timedelta(seconds=5), discharged)
    told = parse(f"0006090B912273103254F6{stamp(there, zone)}{at_discharge}00")
    assert isinstance(told, StatusReport)
    reported(house, 1, replace(told, recipient=RECIPIENT))
    assert house.view(sms_id).status is Status.DELIVERED
    assert house.next(1) == Rest()  # it is not sent a second time
    house.close()


def test_a_report_on_the_part_in_the_air_settles_no_doubt_about_the_one_before(tmp_path: Path) -> None:
    house = House(tmp_path, in_doubt_wait_s=3600)
    house.up(1, A)
    sms_id = house.send("é" * 200)
    second = house.settle(1, house.claim(1), InDoubt("no answer"))
    assert isinstance(second, Submission)
    reported(house, 1, report(house, 5))
    assert house.view(sms_id).in_doubt
    house.settle(1, second, Submitted(5))
    states = house.row("SELECT group_concat(state) FROM (SELECT state FROM parts ORDER BY seq)")[0]
    assert states == "in_doubt,delivered"
    house.close()


@pytest.mark.parametrize(
    ("decision", "becomes"), [("retry", Status.PENDING), ("fail", Status.FAILED), ("hold", Status.PENDING)]
)
def test_doubt_is_decided_as_configured(tmp_path: Path, decision: str, becomes: Status) -> None:
    house = House(tmp_path, in_doubt=decision, in_doubt_wait_s=0.05)
    house.up(1, A)
    sms_id = house.send()
    house.settle(1, house.claim(1), InDoubt("no answer"))
    assert house.view(sms_id).failure_reason is not None
    if decision == "retry":
        eventually(lambda: isinstance(house.next(1), Submission))
    elif decision == "fail":
        eventually(lambda: house.view(sms_id).status is Status.FAILED)
    else:
        house.clock.passed += 3600
        assert house.next(1) == Rest()
        assert house.view(sms_id).in_doubt
    assert house.view(sms_id).status is becomes
    house.close()


def test_without_registration_nothing_is_claimed(house: House) -> None:
    house.up(1, A, registration=Registration.SEARCHING)
    house.send()
    assert house.next(1) == Rest()
    house.up(1, A)
    house.claim(1)


def test_an_idle_sim_helps_the_longest_queue(house: House) -> None:
    house.up(1, A)
    for text in "123":
        house.send(text)
    house.up(2, B)
    assert house.claim(2).segment.text == "1"
    assert house.claim(1).segment.text == "2"


def test_an_idle_sim_leaves_alone_what_its_own_sim_is_about_to_take(house: House) -> None:
    house.up(1, A)
    house.send()
    house.up(2, B)
    assert house.next(2) == Rest()


def test_a_message_that_was_begun_stays_with_its_sim(house: House) -> None:
    house.up(1, A)
    house.send("é" * 400)
    first = house.claim(1)
    house.up(2, B)
    assert house.next(2) == Rest()
    assert isinstance(house.settle(1, first, Submitted(1)), Submission)
    assert house.next(2) == Rest()


def test_another_companys_sim_does_not_help(house: House) -> None:
    house.up(1, A)
    house.up(2, B)
    house.set_sim(B, company_id=house.company + 1)
    for text in "123":
        house.send(text)
    assert house.next(2) == Rest()


def test_a_lost_sims_work_is_handed_on_after_a_while(house: House) -> None:
    house.up(1, A)
    house.up(2, B)
    house.send(sim=house.sim(B))
    house.send("unpinned")
    house.down(1)
    house.clock.passed += 60
    first = house.claim(2)
    second = house.settle(2, first, Submitted(1))
    assert isinstance(second, Submission)
    assert [first.segment.text, second.segment.text] == ["hello", "unpinned"]


def test_a_lost_sims_urgent_message_goes_before_the_other_sims_own(house: House) -> None:
    house.up(1, A)
    house.send("urgent", priority=Priority.OTP)
    house.down(1)
    house.up(2, B)
    house.send("bulk", priority=Priority.BULK, sim=house.sim(B))
    house.clock.passed += 60
    house.send("own", sim=house.sim(B))
    assert house.claim(2).segment.text == "urgent"


def test_a_disabled_sims_work_is_handed_on_and_it_claims_none(house: House) -> None:
    house.up(1, A)
    house.send()
    house.up(2, B)
    house.set_sim(A, enabled=0)
    assert house.next(1) == Rest()
    house.claim(2)


def test_two_slots_are_served_in_batches(tmp_path: Path) -> None:
    house = House(tmp_path, slot_dwell_s=60)
    house.up(1, A, B)
    for n in range(10):
        house.send(sim=house.sim(A if n % 2 else B))
    switches, sent, step = 0, 0, house.next(1)
    while not isinstance(step, Rest):
        assert switches < 10
        if isinstance(step, Switch):
            switches += 1
            house.up(1, A, B, active=step.slot)
            step = house.next(1)
        else:
            sent += 1
            step = house.settle(1, step, Submitted(sent))
            reported(house, 1, report(house, sent))
            if step == Rest(10):
                step = house.next(1)
    assert (sent, switches) == (10, 1)
    house.close()


def test_a_slot_is_left_when_its_reports_are_in(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.up(1, A, B)
    for sim in (A, B):
        house.send(sim=house.sim(sim))
    assert house.settle(1, house.claim(1), Submitted(1)) == Rest(10)
    rings = house.bells[1].rings
    reported(house, 1, report(house, 1))
    assert house.bells[1].rings > rings
    assert house.next(1) == Switch(2)
    house.close()


def test_a_report_that_does_not_come_holds_no_slot(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.up(1, A, B)
    for sim in (A, B):
        house.send(sim=house.sim(sim))
    house.settle(1, house.claim(1), Submitted(1))
    house.clock.passed += 10
    assert house.next(1) == Switch(2)
    house.close()


def test_an_idle_port_turns_back_for_reports_and_visits_its_other_slots(tmp_path: Path) -> None:
    house = House(tmp_path, slot_dwell_s=60, slot_visit_s=600)
    house.up(1, A, B)
    house.send(sim=house.sim(A))
    house.settle(1, house.claim(1), Submitted(1))
    house.up(1, A, B, active=2)
    house.clock.passed += 30
    assert house.next(1) == Rest(30)
    house.clock.passed += 30
    assert house.next(1) == Switch(1)
    house.up(1, A, B, active=1)
    reported(house, 1, report(house, 1))
    assert house.next(1) == Rest(600)
    house.clock.passed += 600
    assert house.next(1) == Switch(2)
    house.close()


def test_the_other_slots_turn_comes_after_the_dwell_time(tmp_path: Path) -> None:
    house = House(tmp_path, slot_dwell_s=60)
    house.up(1, A, B)
    for sim in (A, A, B):
        house.send(sim=house.sim(sim))
    part = house.claim(1)
    house.clock.passed += 61
    assert house.settle(1, part, Submitted(1)) == Switch(2)
    house.close()


def test_the_pause_between_submissions_is_kept(tmp_path: Path) -> None:
    house = House(tmp_path, min_interval_s=10)
    house.up(1, A)
    house.send("1")
    house.send("2")
    assert house.settle(1, house.claim(1), Submitted(1)) == Rest(10)
    house.clock.passed += 10
    house.claim(1)
    house.close()


def test_a_refused_pin_is_remembered_across_restarts_until_it_is_changed(house: House) -> None:
    work = house.gateway.dispatcher
    assert work.try_pin(A, 1, "1234", None)
    work.pin_tried(A, 1, "1234", accepted=False)
    house.restart()
    work = house.gateway.dispatcher
    assert not work.try_pin(A, 1, "1234", 3)
    assert work.try_pin(A, 1, "4321", None)
    assert work.try_pin(B, 1, "1234", None)
    assert house.row("SELECT count(*) FROM pins WHERE digest LIKE '%1234%'")[0] == 0


def test_a_pin_whose_trial_a_power_cut_ended_is_tried_again_only_where_no_attempt_is_missing(
    house: House,
) -> None:
    assert house.gateway.dispatcher.try_pin(A, 1, "1234", 3)
    house.restart()
    work = house.gateway.dispatcher
    assert not work.try_pin(A, 1, "1234", None)
    assert not work.try_pin(A, 1, "1234", 2)
    assert work.try_pin(A, 1, "1234", 3)


def test_a_pin_that_was_right_before_is_tried_again_after_any_power_cut(house: House) -> None:
    work = house.gateway.dispatcher
    work.try_pin(A, 1, "1234", None)
    work.pin_tried(A, 1, "1234", accepted=True)
    assert work.try_pin(A, 1, "1234", None)
    house.restart()
    work = house.gateway.dispatcher
    assert work.try_pin(A, 1, "1234", None)
    work.pin_tried(A, 1, "1234", accepted=False)
    assert not work.try_pin(A, 1, "1234", 3)


def test_idle_ports_are_woken_for_more_than_one_sim_can_carry_at_once(house: House) -> None:
    house.up(1, A)
    house.up(2, B)
    house.set_sim(A, company_id=house.company)
    rings = house.bells[2].rings
    house.send()
    assert house.bells[2].rings == rings
    drafts = [Draft(RECIPIENT, "x")] * 2
    house.gateway.submit_bulk(house.caller, drafts, Options(), None)
    assert house.bells[2].rings > rings


def test_a_slot_that_was_turned_to_is_given_time_to_register(tmp_path: Path) -> None:
    house = House(tmp_path, slot_dwell_s=60)
    house.up(1, A, B)
    house.send(sim=house.sim(A))
    house.send(sim=house.sim(B))
    house.up(1, A, B, active=2, registration=Registration.SEARCHING)
    assert house.next(1) == Rest(60)
    house.clock.passed += 60
    assert house.next(1) == Switch(1)
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


def test_one_bad_recipient_rests_no_sim(house: House) -> None:
    house.up(1, A)
    for _ in range(3):
        house.send()
    step = house.next(1)
    for _ in range(3):
        assert isinstance(step, Submission)
        step = house.settle(1, step, refused(Kind.MOMENT))
    house.send("goes on")
    house.claim(1)


def test_bad_numbers_rest_no_sim(house: House) -> None:
    house.up(1, A)
    for n in range(5):
        house.send(recipient=f"+2237000000{n}")
    step = house.next(1)
    for _ in range(4):
        assert isinstance(step, Submission)
        step = house.settle(1, step, refused(Kind.RECIPIENT, 1))
    assert isinstance(step, Submission)


def test_a_resting_sims_unpinned_work_is_carried_by_others(house: House) -> None:
    house.up(1, A)
    fail_one_recipient_after_another(house, 1, 3)
    house.send("unpinned")
    house.up(2, B)
    assert house.claim(2).segment.text == "unpinned"


def test_while_one_sim_was_not_tried_no_sick_one_fails_a_message(tmp_path: Path) -> None:
    house = House(tmp_path, ports=4, max_attempts=2)
    cards = [f"892230100000000000{n}" for n in range(1, 5)]
    for port, card in enumerate(cards, 1):
        house.up(port, card)
    sms_id = house.send()
    tried = []
    for _ in range(3):
        tried.append(port := int(house.view(sms_id).sim_number[-1]))
        house.settle(port, house.claim(port), refused(Kind.SIM, 313))
        assert house.view(sms_id).status is Status.PENDING
    port = int(house.view(sms_id).sim_number[-1])
    assert sorted([*tried, port]) == [1, 2, 3, 4]
    house.settle(port, house.claim(port), Submitted(1))
    assert house.view(sms_id).status is Status.SENT
    house.close()


def test_what_a_sim_refuses_twice_another_is_asked(house: House) -> None:
    house.up(1, A)
    sms_id = house.send()
    house.settle(1, house.claim(1), refused(Kind.MOMENT))
    house.up(2, B)
    part = eventually(lambda: step if isinstance(step := house.next(1), Submission) else None)
    house.settle(1, part, refused(Kind.MOMENT))
    house.claim(2)
    assert house.view(sms_id).retry_count == 2


def test_while_nothing_can_be_kept_a_port_is_told_so_and_goes_on_afterwards(house: House) -> None:
    def receive_until_full() -> None:
        for n in range(10_000):
            text = Deliver("", f"+22376{n:06d}", "x" * 150, None, None, Alphabet.GSM7, None, 0, 0)
            house.gateway.dispatcher.received(house.statuses[1], text)

    house.up(1, A)
    house.send()
    part = house.claim(1)
    pages = house.row("PRAGMA page_count")[0]
    house.store.write(lambda db: db.execute(f"PRAGMA max_page_count = {pages + 1}"))
    with pytest.raises(WorkUnavailableError):
        receive_until_full()
    house.store.write(lambda db: db.execute("PRAGMA max_page_count = 1000000"))
    assert house.settle(1, part, Submitted(1)) == Rest()


def test_a_sim_that_could_not_be_written_down_yet_gets_no_work(house: House) -> None:
    house.up(2, B)
    house.store.close()
    with pytest.raises(WorkUnavailableError):
        house.up(1, A)
    with pytest.raises(WorkUnavailableError):
        house.next(1)
    with pytest.raises(WorkUnavailableError):
        reported(house, 1, report(house, 1))
    house.open()
    assert house.next(1) == Rest()
    house.up(1, A)
    house.send(sim=house.sim(A))
    house.claim(1)


def test_ports_that_come_up_wake_no_others_and_one_that_goes_down_does(house: House) -> None:
    house.up(1, A)
    rings = house.bells[1].rings
    house.up(2, B)
    assert house.bells[1].rings == rings
    house.down(2)
    assert house.bells[1].rings > rings


def test_what_is_taken_for_a_resting_sim_is_carried_by_an_idle_one(house: House) -> None:
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
