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
from tests.gatewayd.played_ports import House, refused

A, B, C = "8922301000000000001", "8922301000000000002", "8922301000000000003"
SENT = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)  # the first time of the clock


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, max_attempts=1)
    yield house
    house.close()


def ended(house: House, round_: Round) -> list[LoopTestRecord]:
    round_.done.result(10)
    return house.gateway.loop_tests.of(round_)


def arrives(house: House, port: int, text: str, concat: Concat | None = None) -> None:
    told = Deliver("", "+22370000001", text, SENT, concat, Alphabet.GSM7, None, 0, 0)
    house.gateway.dispatcher.received(house.statuses[port], told)


def reported(house: House, port: int, submission: Submission, status: int = 0) -> None:
    told = StatusReport("", 7, submission.recipient, SENT, SENT, status)
    house.gateway.dispatcher.reported(house.statuses[port], told)


def inbox(house: House) -> int:
    count: int = house.row("SELECT count(*) FROM inbox")[0]
    return count


def pass_time(house: House, seconds: float) -> None:
    """Advance the time, also for the timers."""
    house.clock.passed += seconds
    house.clock.at += int(seconds * SECOND)
    house.gateway.probe(lambda: None)


def looked(house: House, count: int = 3) -> None:
    """Wait until the timers' thread has run all due functions."""
    for _ in range(count):
        done = threading.Event()
        house.gateway.probe(done.set)
        assert done.wait(10)


def test_each_step_is_timed_and_the_text_is_not_in_the_inbox(house: House) -> None:
    house.up(1, A)
    house.up(2, B)
    house.set_sim(A, company_id=house.company)
    tests = house.gateway.loop_tests
    house.send("in no hurry", sim=house.sim(A))
    rings = house.bells[2].rings
    round_ = tests.begin(SimAddress(1, None, None))
    assert house.bells[2].rings > rings, "its port may have to turn to the slot that is texted"
    submission = house.claim(1)
    text = submission.segment.text
    house.clock.passed += 3
    house.settle(1, submission, Submitted(7))
    looked(house)
    house.clock.passed += 2
    arrives(house, 2, f"Pub! {text} Merci")
    looked(house)
    arrives(house, 1, text)  # again on another SIM: the first arrival counts
    house.clock.passed += 1
    reported(house, 1, submission)
    (test,) = ended(house, round_)
    assert (test.submit_s, test.arrive_s, test.report_s, test.outcome) == (3, 5, 6, "arrived")
    assert submission.recipient == "+22370000002"
    assert inbox(house) == 0
    assert house.gateway.quota(house.caller).used == 1
    assert tests.last() == [test]
    arrives(house, 2, text)  # the network delivers it twice
    arrives(house, 1, "gatewayd loop test 0123456789abcdef")  # the token of no test
    assert inbox(house) == 1


def test_a_text_that_arrives_on_another_sim_names_that_sim(house: House) -> None:
    house.up(1, A)
    house.up(2, B)
    round_ = house.gateway.loop_tests.begin(SimAddress(1, None, None))
    submission = house.claim(1)
    house.settle(1, submission, Submitted(7))
    arrives(house, 1, submission.segment.text)
    (test,) = ended(house, round_)
    assert (test.outcome, test.arrived) == ("elsewhere", False)
    assert f"It arrived on SIM {house.sim(A)}: the number set for SIM {house.sim(B)}" in test.detail
    assert f"gatewayd sim set {house.sim(B)} --number" in test.detail_fr


def test_one_sim_alone_texts_itself(house: House) -> None:
    house.up(1, A)
    round_ = house.gateway.loop_tests.begin()
    submission = house.claim(1)
    house.settle(1, submission, Submitted(7))
    reported(house, 1, submission)
    arrives(house, 1, submission.segment.text)
    (test,) = ended(house, round_)
    assert (test.from_sim, test.to_sim, test.outcome) == (house.sim(A), house.sim(A), "arrived")


def test_a_port_turns_to_the_slot_that_waits_for_a_text(tmp_path: Path) -> None:
    house = House(tmp_path, slot_dwell_s=60, slot_visit_s=600)
    try:
        house.up(1, A, B, active=2)
        house.clock.passed += 60
        house.up(1, A, B)
        round_ = house.gateway.loop_tests.begin(SimAddress(1, 1, None), SimAddress(1, 2, None))
        assert round_.timeout_s == 600
        house.settle(1, house.claim(1), Submitted(7))
        house.clock.passed += 59  # the port waited ten seconds for a report
        assert not isinstance(house.next(1), Switch)
        house.clock.passed += 1
        assert house.next(1) == Switch(2)
    finally:
        house.close()


@pytest.mark.parametrize("over", [False, True])
def test_a_refused_text_was_not_sent(tmp_path: Path, over: bool) -> None:
    house = House(tmp_path, max_attempts=2 if over else 1, backoff_s=(1000,))
    try:
        house.up(1, A)
        round_ = house.gateway.loop_tests.begin(timeout_s=30)
        house.settle(1, house.claim(1), refused(Kind.MOMENT))
        if over:
            assert not round_.done.done()
            pass_time(house, 30)
        (test,) = ended(house, round_)
        assert (test.outcome, test.arrived) == ("not_sent", False)
        assert "out of order" in (test.reason or "")
        assert "credit" in test.detail
        assert house.row("SELECT count(*) FROM parts WHERE state = 'queued'")[0] == 0
    finally:
        house.close()


def test_an_unsent_text_is_withdrawn_when_the_time_is_over(house: House) -> None:
    house.up(1, A)
    round_ = house.gateway.loop_tests.begin(timeout_s=30)
    pass_time(house, 30)
    (test,) = ended(house, round_)
    assert (test.outcome, test.submit_s) == ("not_sent", None)
    assert "still waited" in test.detail
    assert not isinstance(house.next(1), Submission)
    house.gateway.loop_tests.begin(timeout_s=30)  # the next one may begin


def test_a_text_that_arrives_counts_as_sent_after_any_answer_of_the_modem(house: House) -> None:
    house.up(1, A)
    round_ = house.gateway.loop_tests.begin(timeout_s=30)
    submission = house.claim(1)
    house.settle(1, submission, InDoubt("silence"))
    arrives(house, 1, submission.segment.text)
    pass_time(house, 30)
    (test,) = ended(house, round_)
    assert (test.outcome, test.submit_s, test.arrive_s) == ("unreported", None, 0)


def test_a_text_in_doubt_that_does_not_arrive_has_its_own_outcome(house: House) -> None:
    house.up(1, A)
    round_ = house.gateway.loop_tests.begin(timeout_s=30)
    house.settle(1, house.claim(1), InDoubt("silence"))
    pass_time(house, 30)
    (test,) = ended(house, round_)
    assert test.outcome == "not_sent"
    assert "never said" in test.detail


def test_an_undeliverable_text_is_lost(house: House) -> None:
    house.up(1, A)
    round_ = house.gateway.loop_tests.begin()
    submission = house.claim(1)
    house.settle(1, submission, Submitted(7))
    reported(house, 1, submission, 0x46)
    (test,) = ended(house, round_)
    assert (test.outcome, test.submit_s is None) == ("lost", False)
    assert "TP-ST 0x46" in (test.reason or "")


def test_a_cancelled_text_ends_its_test(house: House) -> None:
    house.up(1, A)
    round_ = house.gateway.loop_tests.begin()
    (test,) = house.gateway.loop_tests.of(round_)
    assert (test.outcome, test.arrived) == ("running", False)
    caller = replace(house.caller, company_id=0)
    house.gateway.cancel(caller, test.sms_id or "")
    (test,) = ended(house, round_)
    assert test.outcome == "not_sent"
    assert "person" in test.detail


def test_a_sim_that_cannot_send_is_reported_without_a_message(house: House) -> None:
    house.up(1, A, registration=Registration.DENIED)
    house.up(2, B)
    house.set_sim(B, daily_limit=0)
    round_ = house.gateway.loop_tests.begin()
    first, second = ended(house, round_)
    assert (first.outcome, second.outcome) == ("not_sent", "not_sent")
    assert "not registered" in first.detail
    assert "limit" in second.detail
    assert house.row("SELECT count(*) FROM messages")[0] == 0


def test_only_one_round_runs_at_a_time(house: House) -> None:
    house.up(1, A)
    house.gateway.loop_tests.begin()
    with pytest.raises(ConflictError, match="running already"):
        house.gateway.loop_tests.begin()


def test_a_restart_ends_a_test_and_its_text_stays_out_of_the_inbox(house: House) -> None:
    house.up(1, A)
    house.gateway.loop_tests.begin()
    submission = house.claim(1)
    house.settle(1, submission, Submitted(7))
    house.restart()
    house.up(1, A)
    looked(house)
    (test,) = house.gateway.loop_tests.last()
    assert (test.outcome, test.detail) == ("interrupted", "The gateway stopped before the test ended.")
    arrives(house, 1, submission.segment.text)
    assert inbox(house) == 0


def test_a_stop_releases_waiting_requests(house: House) -> None:
    house.up(1, A)
    round_ = house.gateway.loop_tests.begin()
    house.gateway.loop_tests.stop()
    assert round_.done.cancelled()
    house.gateway.loop_tests.wait(round_, 10)
    with pytest.raises(ConflictError):
        house.gateway.loop_tests.begin()


def test_the_schedule_goes_by_the_last_test_and_outlives_a_restart(house: House) -> None:
    house.settings = house.settings.model_copy(update={"loop_test": LoopTestSettings(every_s=86_400)})
    house.restart()
    looked(house)

    def tests() -> int:
        count: int = house.row("SELECT count(*) FROM loop_tests")[0]
        return count

    house.up(1, A)
    pass_time(house, 119)
    looked(house)
    assert tests() == 0
    pass_time(house, 1)
    eventually(lambda: tests() == 1)
    pass_time(house, 3600)
    house.restart()
    looked(house)
    house.up(1, A)
    pass_time(house, 86_400 - 3600 - 1)
    looked(house)
    assert tests() == 1
    pass_time(house, 1)
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


def test_sims_are_chosen_by_place_or_id() -> None:
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


def test_sims_without_a_number_are_noted(house: House) -> None:
    house.up(1, A)
    house.up(2, B)
    house.say(replace(house.statuses[2], slots=(replace(house.statuses[2].slots[0], number="", iccid=C),)))
    round_ = house.gateway.loop_tests.begin()
    assert [note.partition("gatewayd ")[2] for note in round_.notes] == [
        f"sim set {house.sim(C)} --number +…`"
    ]
    assert [test.to_sim for test in house.gateway.loop_tests.of(round_)] == [house.sim(A)] * 2


@given(st.text("0123456789.sim:²", max_size=20))
def test_any_text_names_a_place_or_is_refused(text: str) -> None:
    with suppress(ValueError):
        place = SimAddress.read(text)
        assert (place.sim_id is None) == (place.port is not None)
