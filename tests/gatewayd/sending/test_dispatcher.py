"""The next step of each port, and the results that ports report."""

from __future__ import annotations

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
from tests.gatewayd.played_ports import RECIPIENT, A, B, PlayedGateway, refused, report, reported


def test_a_message_is_sent_once_and_delivered_by_its_report(played: PlayedGateway) -> None:
    played.up(1, A)
    sms_id = played.send("bonjour")
    part = played.claim(1)
    assert (part.recipient, part.segment.text, part.seq, part.total) == (RECIPIENT, "bonjour", 1, 1)
    assert played.view(sms_id).status is Status.PENDING
    assert played.settle(1, part, Submitted(7)) == Rest()
    assert played.view(sms_id).status is Status.SENT
    reported(played, 1, report(played, 7))
    assert played.view(sms_id).status is Status.DELIVERED


def test_the_outcome_of_one_and_the_claim_of_the_next_are_one_transaction(played: PlayedGateway) -> None:
    played.up(1, A)
    first, second = played.send("1"), played.send("2")
    part = played.claim(1)
    following = played.settle(1, part, Submitted(1))
    assert isinstance(following, Submission)
    assert following.segment.text == "2"
    assert played.view(first).status is Status.SENT
    assert played.view(second).status is Status.PENDING


def test_a_long_message_is_sent_when_all_parts_are_and_delivered_when_all_are_reported(
    played: PlayedGateway,
) -> None:
    played.up(1, A)
    text = "é" * 400
    sms_id = played.send(text)
    part, texts = played.claim(1), []
    for reference in (1, 2, 3):
        assert played.view(sms_id).status is Status.PENDING
        texts.append(part.segment.text)
        step = played.settle(1, part, Submitted(reference))
        if isinstance(step, Submission):
            assert step.reference == part.reference
            part = step
    assert "".join(texts) == text
    assert played.view(sms_id).status is Status.SENT
    for reference in (2, 1, 3):
        assert played.view(sms_id).status is Status.SENT
        reported(played, 1, report(played, reference))
    assert played.view(sms_id).status is Status.DELIVERED


def test_a_final_status_never_changes(played: PlayedGateway) -> None:
    played.up(1, A)
    sms_id = played.send()
    played.settle(1, played.claim(1), Submitted(5))
    reported(played, 1, report(played, 5, status=0x46))
    reported(played, 1, report(played, 5, status=0x00))
    assert played.view(sms_id).status is Status.FAILED
    assert played.view(sms_id).delivered_at is None


def test_higher_priority_first_then_oldest(played: PlayedGateway) -> None:
    played.up(1, A)
    for text, priority in (
        ("b", Priority.BULK),
        ("n1", Priority.NORMAL),
        ("n2", Priority.NORMAL),
        ("o", Priority.OTP),
    ):
        played.send(text, priority=priority, sim=played.sim(A) if text == "n1" else None)
    order, step = [], played.next(1)
    while isinstance(step, Submission):
        order.append(step.segment.text)
        step = played.settle(1, step, Submitted(1))
    assert order == ["o", "n1", "n2", "b"]


def test_a_bad_number_fails_at_once_with_its_reason_and_gives_its_quota_back(played: PlayedGateway) -> None:
    played.up(1, A)
    sms_id = played.send()
    assert played.gateway.quota(played.caller).used == 1
    played.settle(1, played.claim(1), refused(Kind.RECIPIENT, 1))
    view = played.view(sms_id)
    assert view.status is Status.FAILED
    assert view.failure_reason == "The network is out of order / Le réseau est en panne (+CMS ERROR: 1)"
    assert played.gateway.quota(played.caller).used == 0
    assert played.row("SELECT taken, failed FROM sim_usage")[:] == (0, 1)


def _woken(played: PlayedGateway, before: int) -> bool:
    return played.ports[1].wakes > before


def test_a_temporary_failure_is_retried_after_a_back_off_and_fails_finally(played: PlayedGateway) -> None:
    played.up(1, A)
    sms_id = played.send()
    part = played.claim(1)
    for attempt in (1, 2):
        wakes = played.ports[1].wakes
        assert played.settle(1, part, refused(Kind.MOMENT)) == Rest()
        assert played.view(sms_id).status is Status.PENDING
        part = eventually(lambda: step if isinstance(step := played.next(1), Submission) else None)
        eventually(partial(_woken, played, wakes))
        assert played.view(sms_id).retry_count == attempt
    played.settle(1, part, refused(Kind.MOMENT))
    assert played.view(sms_id).status is Status.FAILED


def test_an_unpinned_message_moves_away_from_a_failing_sim(played: PlayedGateway) -> None:
    played.up(1, A)
    sms_id = played.send()
    played.up(2, B)
    assert played.settle(1, played.claim(1), refused(Kind.SIM, 313)) == Rest()
    assert played.claim(2).segment.text == "hello"
    assert played.view(sms_id).sim_number == "+22370000002"
    assert played.row("SELECT sum(taken) FROM sim_usage WHERE sim_id = ?", played.sim(A))[0] == 0
    assert played.row("SELECT sum(taken) FROM sim_usage WHERE sim_id = ?", played.sim(B))[0] == 1


def test_a_wrong_setting_of_one_sim_does_not_fail_messages_that_another_can_send(
    played: PlayedGateway,
) -> None:
    played.up(1, A)
    played.send()
    played.up(2, B)
    played.settle(1, played.claim(1), refused(Kind.CONFIGURATION, 330))
    assert played.claim(2).segment.text == "hello"


def test_a_part_that_cannot_be_encoded_fails_finally(played: PlayedGateway) -> None:
    played.up(1, A)
    sms_id = played.send()
    for _ in range(3):
        part = eventually(lambda: step if isinstance(step := played.next(1), Submission) else None)
        played.settle(1, part, refused(Kind.CONFIGURATION, UNENCODABLE, "LOCAL"))
    assert played.view(sms_id).status is Status.FAILED


def test_a_pinned_message_stays_with_its_sim(played: PlayedGateway) -> None:
    played.up(1, A)
    played.up(2, B)
    played.send(sim=played.sim(A))
    played.settle(1, played.claim(1), refused(Kind.SIM, 313))
    assert played.next(2) == Rest()
    eventually(lambda: isinstance(played.next(1), Submission))


def test_a_part_that_never_reached_the_modem_is_not_an_attempt(played: PlayedGateway) -> None:
    played.up(1, A)
    sms_id = played.send()
    for _ in range(5):
        played.up(1, A)
        part = played.claim(1)
        played.down(1)
        assert played.settle(1, part, refused(Kind.SIM, None, "LOCAL")) == Rest()
    assert played.view(sms_id).status is Status.PENDING
    assert played.view(sms_id).retry_count == 0


def test_an_outcome_of_an_old_claim_changes_nothing(played: PlayedGateway) -> None:
    played.up(1, A)
    sms_id = played.send()
    old = played.claim(1)
    played.settle(1, old, refused(Kind.MOMENT))
    new = eventually(lambda: step if isinstance(step := played.next(1), Submission) else None)
    assert new.token > old.token
    played.settle(1, old, Submitted(3))
    assert played.view(sms_id).status is Status.PENDING
    played.settle(1, new, Submitted(4))
    assert played.view(sms_id).status is Status.SENT


@pytest.mark.parametrize(
    ("decision", "becomes"), [("retry", Status.PENDING), ("fail", Status.FAILED), ("hold", Status.PENDING)]
)
def test_doubt_is_decided_as_configured(tmp_path: Path, decision: str, becomes: Status) -> None:
    played = PlayedGateway(tmp_path, in_doubt=decision, in_doubt_wait_s=0.05)
    played.up(1, A)
    sms_id = played.send()
    played.settle(1, played.claim(1), InDoubt("no answer"))
    assert played.view(sms_id).failure_reason is not None
    if decision == "retry":
        eventually(lambda: isinstance(played.next(1), Submission))
    elif decision == "fail":
        eventually(lambda: played.view(sms_id).status is Status.FAILED)
    else:
        played.clock.passed += 3600
        assert played.next(1) == Rest()
        assert played.view(sms_id).in_doubt
    assert played.view(sms_id).status is becomes
    played.close()


def test_without_registration_nothing_is_claimed(played: PlayedGateway) -> None:
    played.up(1, A, registration=Registration.SEARCHING)
    played.send()
    assert played.next(1) == Rest()
    played.up(1, A)
    played.claim(1)


def test_an_idle_sim_helps_the_longest_queue(played: PlayedGateway) -> None:
    played.up(1, A)
    for text in "123":
        played.send(text)
    played.up(2, B)
    assert played.claim(2).segment.text == "1"
    assert played.claim(1).segment.text == "2"


def test_an_idle_sim_takes_no_message_that_its_own_sim_sends_at_once(played: PlayedGateway) -> None:
    played.up(1, A)
    played.send()
    played.up(2, B)
    assert played.next(2) == Rest()


def test_a_partly_sent_message_stays_with_its_sim(played: PlayedGateway) -> None:
    played.up(1, A)
    played.send("é" * 400)
    first = played.claim(1)
    played.up(2, B)
    assert played.next(2) == Rest()
    assert isinstance(played.settle(1, first, Submitted(1)), Submission)
    assert played.next(2) == Rest()


def test_another_companys_sim_does_not_help(played: PlayedGateway) -> None:
    played.up(1, A)
    played.up(2, B)
    played.set_sim(B, company_id=played.company + 1)
    for text in "123":
        played.send(text)
    assert played.next(2) == Rest()


def test_another_sim_sends_the_messages_of_a_lost_sim_after_a_while(played: PlayedGateway) -> None:
    played.up(1, A)
    played.up(2, B)
    played.send(sim=played.sim(B))
    played.send("unpinned")
    played.down(1)
    played.clock.passed += 60
    first = played.claim(2)
    second = played.settle(2, first, Submitted(1))
    assert isinstance(second, Submission)
    assert [first.segment.text, second.segment.text] == ["hello", "unpinned"]


def test_an_urgent_message_of_a_lost_sim_is_sent_before_the_other_sims_own(played: PlayedGateway) -> None:
    played.up(1, A)
    played.send("urgent", priority=Priority.OTP)
    played.down(1)
    played.up(2, B)
    played.send("bulk", priority=Priority.BULK, sim=played.sim(B))
    played.clock.passed += 60
    played.send("own", sim=played.sim(B))
    assert played.claim(2).segment.text == "urgent"


def test_another_sim_sends_the_messages_of_a_disabled_sim(played: PlayedGateway) -> None:
    played.up(1, A)
    played.send()
    played.up(2, B)
    played.set_sim(A, enabled=0)
    assert played.next(1) == Rest()
    played.claim(2)


def test_the_pause_between_submissions_is_kept(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path, min_interval_s=10)
    played.up(1, A)
    played.send("1")
    played.send("2")
    assert played.settle(1, played.claim(1), Submitted(1)) == Rest(10)
    played.clock.passed += 10
    played.claim(1)
    played.close()


def test_idle_ports_are_woken_for_more_messages_than_one_sim_can_send_at_once(played: PlayedGateway) -> None:
    played.up(1, A)
    played.up(2, B)
    played.set_sim(A, company_id=played.company)
    wakes = played.ports[2].wakes
    played.send()
    assert played.ports[2].wakes == wakes
    drafts = [Draft(RECIPIENT, "x")] * 2
    played.gateway.submit_bulk(played.caller, drafts, Options(), None)
    assert played.ports[2].wakes > wakes


def test_a_message_fails_only_after_every_sim_was_tried(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path, ports=4, max_attempts=2)
    cards = [f"892230100000000000{n}" for n in range(1, 5)]
    for port, card in enumerate(cards, 1):
        played.up(port, card)
    sms_id = played.send()
    tried = []
    for _ in range(3):
        tried.append(port := int(played.view(sms_id).sim_number[-1]))
        played.settle(port, played.claim(port), refused(Kind.SIM, 313))
        assert played.view(sms_id).status is Status.PENDING
    port = int(played.view(sms_id).sim_number[-1])
    assert sorted([*tried, port]) == [1, 2, 3, 4]
    played.settle(port, played.claim(port), Submitted(1))
    assert played.view(sms_id).status is Status.SENT
    played.close()


def test_a_message_that_one_sim_refused_twice_goes_to_another(played: PlayedGateway) -> None:
    played.up(1, A)
    sms_id = played.send()
    played.settle(1, played.claim(1), refused(Kind.MOMENT))
    played.up(2, B)
    part = eventually(lambda: step if isinstance(step := played.next(1), Submission) else None)
    played.settle(1, part, refused(Kind.MOMENT))
    played.claim(2)
    assert played.view(sms_id).retry_count == 2


def test_ports_get_an_error_while_the_disk_is_full_and_continue_afterwards(played: PlayedGateway) -> None:
    def receive_until_full() -> None:
        for n in range(10_000):
            text = Deliver("", f"+22376{n:06d}", "x" * 150, None, None, Alphabet.GSM7, None, 0, 0)
            played.gateway.dispatcher.received(played.statuses[1], text)

    played.up(1, A)
    played.send()
    part = played.claim(1)
    pages = played.row("PRAGMA page_count")[0]
    played.store.write(lambda db: db.execute(f"PRAGMA max_page_count = {pages + 1}"))
    with pytest.raises(WorkUnavailableError):
        receive_until_full()
    played.store.write(lambda db: db.execute("PRAGMA max_page_count = 1000000"))
    assert played.settle(1, part, Submitted(1)) == Rest()


def test_a_sim_that_could_not_be_recorded_gets_no_work(played: PlayedGateway) -> None:
    played.up(2, B)
    played.store.close()
    with pytest.raises(WorkUnavailableError):
        played.up(1, A)
    with pytest.raises(WorkUnavailableError):
        played.next(1)
    with pytest.raises(WorkUnavailableError):
        reported(played, 1, report(played, 1))
    played.open()
    assert played.next(1) == Rest()
    played.up(1, A)
    played.send(sim=played.sim(A))
    played.claim(1)


def test_a_port_that_goes_down_wakes_the_others_and_one_that_comes_up_does_not(played: PlayedGateway) -> None:
    played.up(1, A)
    wakes = played.ports[1].wakes
    played.up(2, B)
    assert played.ports[1].wakes == wakes
    played.down(2)
    assert played.ports[1].wakes > wakes
