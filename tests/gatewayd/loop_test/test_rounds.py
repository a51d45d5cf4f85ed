"""Loop tests: the pairs of SIMs, the times of each text, and the outcomes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import LoopTestSettings
from gatewayd.errors import ConflictError
from gatewayd.loop_test.plan import SimAddress, SimInService, plan
from gatewayd.loop_test.rounds import Round
from gatewayd.records import LoopTestRecord
from gatewayd.timekeeping.clock import SECOND
from modem.driver.registration import Registration
from modem.errors import Kind
from modem.parts import InDoubt, Submission, Submitted
from modem.port.interface import Switch
from modem.sms.gsm7 import Alphabet
from modem.sms.tpdu import Concat, Deliver, StatusReport
from tests.conftest import eventually
from tests.gatewayd.played_ports import A, B, C, PlayedGateway, refused

SENT = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)  # the first time of the clock


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path, max_attempts=1)
    yield played
    played.close()


def results_of(played: PlayedGateway, round_: Round) -> list[LoopTestRecord]:
    round_.done.result(60)
    return played.gateway.loop_tests.of(round_)


def receive_text(played: PlayedGateway, port: int, text: str, concat: Concat | None = None) -> None:
    pdu = Deliver("", "+22370000001", text, SENT, concat, Alphabet.GSM7, None, 0, 0)
    played.gateway.dispatcher.received(played.statuses[port], pdu)


def reported(played: PlayedGateway, port: int, submission: Submission, status: int = 0) -> None:
    pdu = StatusReport("", 7, submission.recipient, SENT, SENT, status)
    played.gateway.dispatcher.reported(played.statuses[port], pdu)


def inbox(played: PlayedGateway) -> int:
    count: int = played.row("SELECT count(*) FROM inbox")[0]
    return count


def pass_time(played: PlayedGateway, seconds: float) -> None:
    """Advance the time, also for the timers."""
    played.clock.passed += seconds
    played.clock.at += int(seconds * SECOND)
    played.gateway.probe(lambda: None)


def run_due_timers(played: PlayedGateway, count: int = 3) -> None:
    """Wait until the timers' thread has run all due functions."""
    for _ in range(count):
        done = threading.Event()
        played.gateway.probe(done.set)
        assert done.wait(60)


def test_each_step_is_timed_and_the_text_is_not_in_the_inbox(played: PlayedGateway) -> None:
    played.up(1, A)
    played.up(2, B)
    played.set_sim(A, company_id=played.company)
    tests = played.gateway.loop_tests
    played.send("in no hurry", sim=played.sim(A))
    wakes = played.ports[2].wakes
    round_ = tests.begin(SimAddress(1, None, None))
    assert played.ports[2].wakes > wakes, "the port may have to switch to the slot that expects the text"
    submission = played.claim(1)
    text = submission.segment.text
    run_due_timers(played)  # the check that the claim caused has the time of the claim
    played.clock.passed += 3
    played.settle(1, submission, Submitted(7))
    run_due_timers(played)
    played.clock.passed += 2
    receive_text(played, 2, f"Pub! {text} Merci")
    run_due_timers(played)
    receive_text(played, 1, text)  # again on another SIM: the first arrival counts
    run_due_timers(played)
    played.clock.passed += 1
    reported(played, 1, submission)
    (test,) = results_of(played, round_)
    assert (test.submit_s, test.arrive_s, test.report_s, test.outcome) == (3, 5, 6, "arrived")
    assert submission.recipient == "+22370000002"
    assert inbox(played) == 0
    assert played.gateway.quota(played.caller).used == 1
    assert tests.last() == [test]
    receive_text(played, 2, text)  # the network delivers it twice
    receive_text(played, 1, "gatewayd loop test 0123456789abcdef")  # the token of no test
    assert inbox(played) == 1


def test_a_text_that_arrives_on_another_sim_names_that_sim(played: PlayedGateway) -> None:
    played.up(1, A)
    played.up(2, B)
    round_ = played.gateway.loop_tests.begin(SimAddress(1, None, None))
    submission = played.claim(1)
    played.settle(1, submission, Submitted(7))
    receive_text(played, 1, submission.segment.text)
    (test,) = results_of(played, round_)
    assert (test.outcome, test.arrived) == ("elsewhere", False)
    assert f"It arrived on SIM {played.sim(A)}: the number set for SIM {played.sim(B)}" in test.detail
    assert f"gatewayd sim set {played.sim(B)} --number" in test.detail_fr


def test_one_sim_alone_texts_itself(played: PlayedGateway) -> None:
    played.up(1, A)
    round_ = played.gateway.loop_tests.begin()
    submission = played.claim(1)
    played.settle(1, submission, Submitted(7))
    reported(played, 1, submission)
    receive_text(played, 1, submission.segment.text)
    (test,) = results_of(played, round_)
    assert (test.from_sim, test.to_sim, test.outcome) == (played.sim(A), played.sim(A), "arrived")


def test_a_port_switches_to_the_slot_that_expects_a_text(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path, slot_dwell_s=60, slot_visit_s=600)
    try:
        played.up(1, A, B, active=2)
        played.clock.passed += 60
        played.up(1, A, B)
        round_ = played.gateway.loop_tests.begin(SimAddress(1, 1, None), SimAddress(1, 2, None))
        assert round_.timeout_s == 600
        played.settle(1, played.claim(1), Submitted(7))
        played.clock.passed += 59  # the port waited ten seconds for a report
        assert not isinstance(played.next(1), Switch)
        played.clock.passed += 1
        assert played.next(1) == Switch(2)
    finally:
        played.close()


@pytest.mark.parametrize("over", [False, True])
def test_a_refused_text_was_not_sent(tmp_path: Path, over: bool) -> None:
    played = PlayedGateway(tmp_path, max_attempts=2 if over else 1, backoff_s=(1000,))
    try:
        played.up(1, A)
        round_ = played.gateway.loop_tests.begin(timeout_s=30)
        played.settle(1, played.claim(1), refused(Kind.MOMENT))
        if over:
            assert not round_.done.done()
            pass_time(played, 30)
        (test,) = results_of(played, round_)
        assert (test.outcome, test.arrived) == ("not_sent", False)
        assert "out of order" in (test.reason or "")
        assert "credit" in test.detail
        assert played.row("SELECT count(*) FROM parts WHERE state = 'queued'")[0] == 0
    finally:
        played.close()


def test_an_unsent_text_is_cancelled_at_the_time_limit(played: PlayedGateway) -> None:
    played.up(1, A)
    round_ = played.gateway.loop_tests.begin(timeout_s=30)
    pass_time(played, 30)
    (test,) = results_of(played, round_)
    assert (test.outcome, test.submit_s) == ("not_sent", None)
    assert "still waited" in test.detail
    assert not isinstance(played.next(1), Submission)
    played.gateway.loop_tests.begin(timeout_s=30)  # the next one may begin


def test_a_received_text_counts_as_sent_whatever_its_modem_answered(played: PlayedGateway) -> None:
    played.up(1, A)
    round_ = played.gateway.loop_tests.begin(timeout_s=30)
    submission = played.claim(1)
    played.settle(1, submission, InDoubt("silence"))
    receive_text(played, 1, submission.segment.text)
    run_due_timers(played)  # they note the arrival, before the time passes
    pass_time(played, 30)
    (test,) = results_of(played, round_)
    assert (test.outcome, test.submit_s, test.arrive_s) == ("unreported", None, 0)


def test_a_text_in_doubt_that_is_not_received_has_its_own_outcome(played: PlayedGateway) -> None:
    played.up(1, A)
    round_ = played.gateway.loop_tests.begin(timeout_s=30)
    played.settle(1, played.claim(1), InDoubt("silence"))
    pass_time(played, 30)
    (test,) = results_of(played, round_)
    assert test.outcome == "not_sent"
    assert "never answered" in test.detail


def test_an_undeliverable_text_is_lost(played: PlayedGateway) -> None:
    played.up(1, A)
    round_ = played.gateway.loop_tests.begin()
    submission = played.claim(1)
    played.settle(1, submission, Submitted(7))
    reported(played, 1, submission, 0x46)
    (test,) = results_of(played, round_)
    assert (test.outcome, test.submit_s is None) == ("lost", False)
    assert "TP-ST 0x46" in (test.reason or "")


def test_a_cancelled_text_ends_its_test(played: PlayedGateway) -> None:
    played.up(1, A)
    round_ = played.gateway.loop_tests.begin()
    (test,) = played.gateway.loop_tests.of(round_)
    assert (test.outcome, test.arrived) == ("running", False)
    caller = replace(played.caller, company_id=0)
    played.gateway.cancel(caller, test.sms_id or "")
    (test,) = results_of(played, round_)
    assert test.outcome == "not_sent"
    assert "person" in test.detail


def test_a_sim_that_cannot_send_is_reported_without_a_message(played: PlayedGateway) -> None:
    played.up(1, A, registration=Registration.DENIED)
    played.up(2, B)
    played.set_sim(B, daily_limit=0)
    round_ = played.gateway.loop_tests.begin()
    first, second = results_of(played, round_)
    assert (first.outcome, second.outcome) == ("not_sent", "not_sent")
    assert "not registered" in first.detail
    assert "limit" in second.detail
    assert played.row("SELECT count(*) FROM messages")[0] == 0


def test_only_one_round_runs_at_a_time(played: PlayedGateway) -> None:
    played.up(1, A)
    played.gateway.loop_tests.begin()
    with pytest.raises(ConflictError, match="running already"):
        played.gateway.loop_tests.begin()


def test_a_restart_ends_a_test_and_its_text_stays_out_of_the_inbox(played: PlayedGateway) -> None:
    played.up(1, A)
    played.gateway.loop_tests.begin()
    submission = played.claim(1)
    played.settle(1, submission, Submitted(7))
    played.restart()
    played.up(1, A)
    run_due_timers(played)
    (test,) = played.gateway.loop_tests.last()
    assert (test.outcome, test.detail) == ("interrupted", "The gateway stopped before the test ended.")
    receive_text(played, 1, submission.segment.text)
    assert inbox(played) == 0


def test_a_stop_releases_waiting_requests(played: PlayedGateway) -> None:
    played.up(1, A)
    round_ = played.gateway.loop_tests.begin()
    played.gateway.loop_tests.stop()
    assert round_.done.cancelled()
    played.gateway.loop_tests.wait(round_, 10)
    with pytest.raises(ConflictError):
        played.gateway.loop_tests.begin()


def test_the_schedule_counts_from_the_last_test_also_after_a_restart(played: PlayedGateway) -> None:
    played.settings = played.settings.model_copy(update={"loop_test": LoopTestSettings(every_s=86_400)})
    played.restart()
    run_due_timers(played)

    def tests() -> int:
        count: int = played.row("SELECT count(*) FROM loop_tests")[0]
        return count

    played.up(1, A)
    pass_time(played, 119)
    run_due_timers(played)
    assert tests() == 0
    pass_time(played, 1)
    eventually(lambda: tests() == 1)
    pass_time(played, 3600)
    played.restart()
    run_due_timers(played)
    played.up(1, A)
    pass_time(played, 86_400 - 3600 - 1)
    run_due_timers(played)
    assert tests() == 1
    pass_time(played, 1)
    eventually(lambda: tests() == 2)


def sims_up(*numbers: str) -> list[SimInService]:
    """SIMs in the ports 1, 2, …, all in service."""
    return [
        SimInService(10 + port, port, 1, number, 0.0, True, True, True)
        for port, number in enumerate(numbers, 1)
    ]


def pairs(
    ring: list[SimInService], source: str | None = None, target: str | None = None
) -> list[tuple[int, int]]:
    chosen = [None if text is None else SimAddress.read(text) for text in (source, target)]
    return [(pair.sender.port, pair.target.port) for pair in plan(ring, chosen[0], chosen[1])]


def test_a_ring_skips_recipients_without_a_number() -> None:
    assert pairs(sims_up("+1", "+2", "+3")) == [(1, 2), (2, 3), (3, 1)]
    assert pairs(sims_up("+1", "", "+3")) == [(1, 3), (2, 3), (3, 1)]
    assert pairs(sims_up("", "", "+3")) == [(1, 3), (2, 3), (3, 3)]
    ring = sims_up("+1", "+2", "+3")
    ring[1] = replace(ring[1], registered=False)
    assert pairs(ring) == [(1, 3), (2, 3), (3, 1)]
    ring[2] = replace(ring[2], registered=False)
    assert pairs(ring) == [(1, 1), (2, 1), (3, 1)]


def test_sims_are_chosen_by_port_or_id() -> None:
    ring = sims_up("+1", "+2", "+3")
    assert pairs(ring, "2") == [(2, 3)]
    assert pairs(ring, "2.1", "sim:11") == [(2, 1)]
    assert pairs(ring, "1", "1") == [(1, 1)]
    assert pairs(ring, None, "2") == [(1, 2), (3, 2)]
    for place in ("4", "2.2", "sim:1"):
        with pytest.raises(ConflictError, match="no SIM in service and up"):
            pairs(ring, place)


def test_an_unknown_number_is_reported_with_the_remedy() -> None:
    with pytest.raises(ConflictError, match="gatewayd sim set 12 --number"):
        pairs(sims_up("+1", ""), "1", "2")
    with pytest.raises(ConflictError, match="gatewayd sim set 11 --number"):
        pairs(sims_up("", ""))
    with pytest.raises(ConflictError, match="No SIM is up"):
        pairs([])


def test_sims_without_a_number_are_noted(played: PlayedGateway) -> None:
    played.up(1, A)
    played.up(2, B)
    played.set_status(
        replace(played.statuses[2], slots=(replace(played.statuses[2].slots[0], number="", iccid=C),))
    )
    round_ = played.gateway.loop_tests.begin()
    assert [note.partition("gatewayd ")[2] for note in round_.notes] == [
        f"sim set {played.sim(C)} --number +…`"
    ]
    assert [test.to_sim for test in played.gateway.loop_tests.of(round_)] == [played.sim(A)] * 2


@given(st.text("0123456789.sim:²", max_size=20))
def test_any_text_is_a_sim_address_or_refused(text: str) -> None:
    with suppress(ValueError):
        place = SimAddress.read(text)
        assert (place.sim_id is None) == (place.port is not None)
