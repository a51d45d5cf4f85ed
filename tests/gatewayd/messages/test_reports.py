"""Each status report is matched to its part, and to no other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gatewayd.records import MessageFilter, Status
from modem.parts import InDoubt, Submission, Submitted
from modem.port.interface import Outcome, Reported, Rest
from modem.simulator.core.tpdu import timestamp
from modem.sms.tpdu import StatusReport, parse
from tests.gatewayd.played_ports import RECIPIENT, A, B, PlayedGateway, commits, report, reported


def test_a_report_before_the_answer_of_its_submission_is_stored(played: PlayedGateway) -> None:
    played.up(1, A)
    sms_id = played.send()
    part = played.claim(1)
    reported(played, 1, report(played, 9))
    played.settle(1, part, Submitted(9))
    assert played.view(sms_id).status is Status.DELIVERED


def test_reports_are_stored_in_the_transaction_of_the_outcome_and_the_next_claim(
    played: PlayedGateway,
) -> None:
    """Also the report on the part of this outcome, and a report on a SIM that was in the slot before."""
    played.up(1, B)
    other = played.send("0", sim=played.sim(B))
    played.settle(1, played.claim(1), Submitted(7))
    before = played.statuses[1]
    played.up(1, A)
    sent = [played.send(str(n), sim=played.sim(A)) for n in (1, 2)]
    part = played.claim(1)
    reports = [Reported(before, report(played, 7)), Reported(played.statuses[1], report(played, 8))]
    outcome = Outcome(part, Submitted(8), played.clock.passed, played.clock.passed)
    before_it = commits(played)
    following = played.next(1, outcome, reports)
    assert commits(played) == before_it + 1
    assert isinstance(following, Submission)
    assert [played.view(sms_id).status for sms_id in (other, *sent)] == [
        Status.DELIVERED,
        Status.DELIVERED,
        Status.PENDING,
    ]
    played.settle(1, following, Submitted(9))  # the SIM now in the slot is still known
    assert played.view(sent[1]).status is Status.SENT
    assert played.next(1) == Rest()
    played.send("3", sim=played.sim(A))
    assert isinstance(played.next(1), Submission)


def test_a_report_matches_by_reference_and_recipient_and_sim(played: PlayedGateway) -> None:
    played.up(1, A)
    played.up(2, B)
    sms_id = played.send(sim=played.sim(A))
    played.settle(1, played.claim(1), Submitted(5))
    reported(played, 1, report(played, 5, recipient="+22376999999"))
    reported(played, 1, report(played, 6))
    reported(played, 2, report(played, 5))
    assert played.view(sms_id).status is Status.SENT
    reported(played, 1, report(played, 5, recipient="70123456"))  # as some networks write it
    assert played.view(sms_id).status is Status.DELIVERED


def test_when_references_wrap_the_report_goes_to_the_submission_of_its_time(played: PlayedGateway) -> None:
    played.up(1, A)
    first = played.send("1")
    played.settle(1, played.claim(1), Submitted(5))
    played.clock.at += 3600 * 1_000_000
    second = played.send("2")
    played.settle(1, played.claim(1), Submitted(5))
    reported(played, 1, report(played, 5, late_s=-3600))
    assert (played.view(first).status, played.view(second).status) == (Status.DELIVERED, Status.SENT)
    reported(played, 1, report(played, 5))
    assert played.view(second).status is Status.DELIVERED


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
def test_every_class_of_report(played: PlayedGateway, status: int, becomes: Status) -> None:
    played.up(1, A)
    sms_id = played.send()
    played.settle(1, played.claim(1), Submitted(5))
    reported(played, 1, report(played, 5, status=status))
    assert played.view(sms_id).status is becomes


# Every TP-ST that 23.040, 9.2.3.15 names, and the edges of its reserved ranges
@pytest.mark.parametrize("status", [*range(0x03), 0x0F, 0x10, 0x1F])
def test_reports_of_completion_deliver(played: PlayedGateway, status: int) -> None:
    assert after(played, status) is Status.DELIVERED


@pytest.mark.parametrize("status", [*range(0x20, 0x27), 0x2F, 0x30, 0x3F])
def test_temporary_reports_change_nothing_and_the_final_report_does(
    played: PlayedGateway, status: int
) -> None:
    assert after(played, status) is Status.SENT
    reported(played, 1, report(played, 5, status=status))
    reported(played, 1, report(played, 5))
    assert played.gateway.messages(played.caller, MessageFilter())[0][0].status is Status.DELIVERED


@pytest.mark.parametrize(
    "status", [*range(0x40, 0x4B), 0x4F, 0x50, 0x5F, *range(0x60, 0x67), 0x6F, 0x70, 0x7F, 0x80, 0xFF]
)
def test_reports_of_permanent_errors_fail_the_message(played: PlayedGateway, status: int) -> None:
    assert after(played, status) is Status.FAILED


def after(played: PlayedGateway, status: int) -> Status:
    """The status of a sent message after a report with this TP-ST."""
    played.up(1, A)
    sms_id = played.send()
    played.settle(1, played.claim(1), Submitted(5))
    reported(played, 1, report(played, 5, status=status))
    return played.view(sms_id).status


def test_a_repeated_report_is_not_applied_to_the_next_part(played: PlayedGateway) -> None:
    played.up(1, A)
    first = played.send("1")
    played.settle(1, played.claim(1), Submitted(5))
    status_report = report(played, 5)
    reported(played, 1, status_report)
    assert played.view(first).status is Status.DELIVERED
    played.clock.at += 60 * 1_000_000
    second = played.send("2")
    part = played.claim(1)
    reported(played, 1, status_report)  # while the next part is being submitted
    played.settle(1, part, Submitted(5))
    assert played.view(second).status is Status.SENT
    reported(played, 1, status_report)  # and after it is sent
    assert played.view(second).status is Status.SENT
    reported(played, 1, report(played, 5))
    assert played.view(second).status is Status.DELIVERED


def test_a_report_before_and_again_after_its_answer_is_applied_once(played: PlayedGateway) -> None:
    played.up(1, A)
    first = played.send("1")
    part, status_report = played.claim(1), report(played, 5)
    reported(played, 1, status_report)
    played.settle(1, part, Submitted(5))
    played.clock.at += 60 * 1_000_000
    second = played.send("2")
    part = played.claim(1)
    reported(played, 1, status_report)
    played.settle(1, part, Submitted(5))
    assert (played.view(first).status, played.view(second).status) == (Status.DELIVERED, Status.SENT)


def test_parts_of_the_same_second_and_tp_mr_get_their_own_reports(played: PlayedGateway) -> None:
    played.up(1, A)
    ids = [played.send(str(number)) for number in range(3)]
    step: object = played.claim(1)
    for _ in ids:
        assert isinstance(step, Submission)
        step = played.settle(1, step, Submitted(0))
    for _ in ids:
        reported(played, 1, report(played, 0))
    assert {played.view(sms_id).status for sms_id in ids} == {Status.DELIVERED}


def test_a_report_without_a_submitted_part_is_dropped(played: PlayedGateway) -> None:
    played.up(1, A)
    reported(played, 1, report(played, 5))  # on a message of another program, or on an old one
    played.send()
    part = played.claim(1)
    reported(played, 1, report(played, 5, recipient="+22376999999"))
    assert played.row("SELECT count(*) FROM reports")[0] == 0
    played.settle(1, part, Submitted(5))
    assert played.gateway.messages(played.caller, MessageFilter())[0][0].status is Status.SENT


def test_a_final_report_goes_to_the_part_of_the_temporary_one(played: PlayedGateway) -> None:
    played.up(1, A)
    first = played.send("1")
    played.settle(1, played.claim(1), Submitted(5))
    status_report = report(played, 5, status=0x30)
    reported(played, 1, status_report)
    played.clock.at += 100 * 1_000_000
    second = played.send("2")
    played.settle(1, played.claim(1), Submitted(5))
    reported(played, 1, replace(status_report, status=0x46))
    assert (played.view(first).status, played.view(second).status) == (Status.FAILED, Status.SENT)
    reported(played, 1, report(played, 5))
    assert played.view(second).status is Status.DELIVERED


def test_a_report_before_the_doubt_settles_it(holding: PlayedGateway) -> None:
    holding.up(1, A)
    sms_id = holding.send()
    part = holding.claim(1)
    reported(holding, 1, report(holding, 9))
    holding.settle(1, part, InDoubt("no answer"))
    assert holding.view(sms_id).status is Status.DELIVERED
    assert holding.next(1) == Rest()  # it is not sent again


def test_a_report_that_came_before_a_power_cut_settles_the_doubt(holding: PlayedGateway) -> None:
    holding.up(1, A)
    sms_id = holding.send()
    holding.claim(1)
    reported(holding, 1, report(holding, 9))
    holding.restart()
    assert holding.view(sms_id).status is Status.DELIVERED


def test_reports_after_a_power_cut_find_parts_without_an_answer(holding: PlayedGateway) -> None:
    holding.up(1, A)
    first = holding.send("1")
    holding.claim(1)
    holding.restart()
    holding.up(1, A)
    status_report = report(holding, 9)
    reported(holding, 1, status_report)
    assert holding.view(first).status is Status.DELIVERED
    holding.clock.at += 60 * 1_000_000
    second = holding.send("2")
    holding.settle(1, holding.claim(1), Submitted(9))
    reported(holding, 1, status_report)
    assert holding.view(second).status is Status.SENT
    reported(holding, 1, report(holding, 9))
    assert holding.view(second).status is Status.DELIVERED


def test_a_report_without_a_time_goes_to_the_part_without_a_report(played: PlayedGateway) -> None:
    played.up(1, A)
    first = played.send("1")
    played.settle(1, played.claim(1), Submitted(5))
    played.clock.at += 600 * 1_000_000
    second = played.send("2")
    played.settle(1, played.claim(1), Submitted(5))
    reported(played, 1, report(played, 5, status=0x30))
    reported(played, 1, replace(report(played, 5), service_centre_at=None))
    assert (played.view(first).status, played.view(second).status) == (Status.DELIVERED, Status.SENT)


def test_a_part_that_was_being_submitted_at_a_crash_is_in_doubt_until_a_report(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path, in_doubt_wait_s=3600)
    played.up(1, A)
    sms_id = played.send()
    played.claim(1)
    played.restart()
    played.up(1, A)
    assert played.next(1) == Rest()
    assert played.view(sms_id).in_doubt
    assert played.view(sms_id).status is Status.PENDING
    reported(played, 1, report(played, 77, recipient="+22376999999"))  # of another part
    for another_time in (-7200, 7200):
        reported(played, 1, report(played, 77, late_s=another_time))
    assert played.view(sms_id).in_doubt
    reported(played, 1, report(played, 77, late_s=20))
    assert played.view(sms_id).status is Status.DELIVERED
    assert not played.view(sms_id).in_doubt
    played.close()


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
    played = PlayedGateway(tmp_path, in_doubt="retry", in_doubt_wait_s=3600)
    played.up(1, A)
    sms_id = played.send()
    played.settle(1, played.claim(1), InDoubt("no answer"))
    discharge_zone = datetime.fromtimestamp(played.clock.at / 1e6, UTC) + timedelta(hours=ahead_h)
    at_discharge = (
        "00" * 7 if discharged is None else stamp(discharge_zone + timedelta(seconds=5), discharged)
    )
    status_report = parse(f"0006090B912273103254F6{stamp(discharge_zone, zone)}{at_discharge}00")
    assert isinstance(status_report, StatusReport)
    reported(played, 1, replace(status_report, recipient=RECIPIENT))
    assert played.view(sms_id).status is Status.DELIVERED
    assert played.next(1) == Rest()  # it is not sent a second time
    played.close()


def test_a_report_on_the_part_being_submitted_settles_no_doubt_about_the_one_before(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path, in_doubt_wait_s=3600)
    played.up(1, A)
    sms_id = played.send("é" * 200)
    second = played.settle(1, played.claim(1), InDoubt("no answer"))
    assert isinstance(second, Submission)
    reported(played, 1, report(played, 5))
    assert played.view(sms_id).in_doubt
    played.settle(1, second, Submitted(5))
    states = played.row("SELECT group_concat(state) FROM (SELECT state FROM parts ORDER BY seq)")[0]
    assert states == "in_doubt,delivered"
    played.close()
