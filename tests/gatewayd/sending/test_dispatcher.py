"""The next step of each port, and the results that ports report."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from gatewayd.records import Draft, Options, Priority, Status
from modem.driver.registration import Registration
from modem.errors import UNENCODABLE, Kind
from modem.parts import InDoubt, Submission, Submitted
from modem.port.interface import Rest, WorkUnavailableError
from modem.sms.gsm7 import Alphabet
from modem.sms.tpdu import Deliver
from tests.conftest import eventually
from tests.gatewayd.played_ports import RECIPIENT, House, refused, report, reported

A, B, C = "8922301000000000001", "8922301000000000002", "8922301000000000003"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, backoff_s=(0.05,), in_doubt_wait_s=0.05, max_attempts=3)
    yield house
    house.close()


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[House]:
    """A gateway that keeps parts in doubt until a report comes."""
    house = House(tmp_path, in_doubt="hold")
    yield house
    house.close()


def commits(house: House) -> int:
    return house.store.commit_times.histograms()[""].buckets[-1][1]


def test_a_message_is_sent_once_and_delivered_by_its_report(house: House) -> None:
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


def test_a_final_status_never_changes(house: House) -> None:
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


def test_a_temporary_failure_is_retried_after_a_back_off_and_fails_finally(house: House) -> None:
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


def test_an_unpinned_message_moves_away_from_a_failing_sim(house: House) -> None:
    house.up(1, A)
    sms_id = house.send()
    house.up(2, B)
    assert house.settle(1, house.claim(1), refused(Kind.SIM, 313)) == Rest()
    assert house.claim(2).segment.text == "hello"
    assert house.view(sms_id).sim_number == "+22370000002"
    assert house.row("SELECT sum(taken) FROM sim_usage WHERE sim_id = ?", house.sim(A))[0] == 0
    assert house.row("SELECT sum(taken) FROM sim_usage WHERE sim_id = ?", house.sim(B))[0] == 1


def test_a_wrong_setting_of_one_sim_does_not_fail_messages_that_another_can_send(house: House) -> None:
    house.up(1, A)
    house.send()
    house.up(2, B)
    house.settle(1, house.claim(1), refused(Kind.CONFIGURATION, 330))
    assert house.claim(2).segment.text == "hello"


def test_a_part_that_cannot_be_encoded_fails_finally(house: House) -> None:
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


def test_a_part_that_never_reached_the_modem_is_not_an_attempt(house: House) -> None:
    house.up(1, A)
    sms_id = house.send()
    for _ in range(5):
        house.up(1, A)
        part = house.claim(1)
        house.down(1)
        assert house.settle(1, part, refused(Kind.SIM, None, "LOCAL")) == Rest()
    assert house.view(sms_id).status is Status.PENDING
    assert house.view(sms_id).retry_count == 0


def test_an_outcome_of_an_old_claim_changes_nothing(house: House) -> None:
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


def test_an_idle_sim_leaves_a_message_that_its_own_sim_takes_at_once(house: House) -> None:
    house.up(1, A)
    house.send()
    house.up(2, B)
    assert house.next(2) == Rest()


def test_a_partly_sent_message_stays_with_its_sim(house: House) -> None:
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


def test_another_sim_sends_the_messages_of_a_lost_sim_after_a_while(house: House) -> None:
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


def test_an_urgent_message_of_a_lost_sim_is_sent_before_the_other_sims_own(house: House) -> None:
    house.up(1, A)
    house.send("urgent", priority=Priority.OTP)
    house.down(1)
    house.up(2, B)
    house.send("bulk", priority=Priority.BULK, sim=house.sim(B))
    house.clock.passed += 60
    house.send("own", sim=house.sim(B))
    assert house.claim(2).segment.text == "urgent"


def test_another_sim_sends_the_messages_of_a_disabled_sim(house: House) -> None:
    house.up(1, A)
    house.send()
    house.up(2, B)
    house.set_sim(A, enabled=0)
    assert house.next(1) == Rest()
    house.claim(2)


def test_the_pause_between_submissions_is_kept(tmp_path: Path) -> None:
    house = House(tmp_path, min_interval_s=10)
    house.up(1, A)
    house.send("1")
    house.send("2")
    assert house.settle(1, house.claim(1), Submitted(1)) == Rest(10)
    house.clock.passed += 10
    house.claim(1)
    house.close()


def test_idle_ports_are_woken_for_more_messages_than_one_sim_can_send_at_once(house: House) -> None:
    house.up(1, A)
    house.up(2, B)
    house.set_sim(A, company_id=house.company)
    rings = house.bells[2].rings
    house.send()
    assert house.bells[2].rings == rings
    drafts = [Draft(RECIPIENT, "x")] * 2
    house.gateway.submit_bulk(house.caller, drafts, Options(), None)
    assert house.bells[2].rings > rings


def test_a_message_fails_only_after_every_sim_was_tried(tmp_path: Path) -> None:
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


def test_a_message_that_one_sim_refused_twice_goes_to_another(house: House) -> None:
    house.up(1, A)
    sms_id = house.send()
    house.settle(1, house.claim(1), refused(Kind.MOMENT))
    house.up(2, B)
    part = eventually(lambda: step if isinstance(step := house.next(1), Submission) else None)
    house.settle(1, part, refused(Kind.MOMENT))
    house.claim(2)
    assert house.view(sms_id).retry_count == 2


def test_ports_get_an_error_while_the_disk_is_full_and_continue_afterwards(house: House) -> None:
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


def test_a_sim_that_could_not_be_recorded_gets_no_work(house: House) -> None:
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
