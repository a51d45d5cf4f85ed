"""Accepting messages: quotas and limits hold, the right SIM is chosen, no message is accepted twice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from gatewayd.errors import (
    ConflictError,
    GatewayError,
    IdempotencyMismatchError,
    QueueFullError,
    QuotaExceededError,
    SimUnavailableError,
    StorageUnavailableError,
)
from gatewayd.records import Accepted, Draft, Idempotency, MessageRecord, Options, Replay, Status
from gatewayd.store.tables import accounts
from gatewayd.timekeeping.clock import DAY
from modem.driver.sim import SimState
from modem.parts import Submitted
from modem.port.status import Answer, PortState, SlotStatus
from tests.conftest import eventually
from tests.gatewayd.played_ports import RECIPIENT, A, B, C, PlayedGateway

ORANGE, MALITEL = "+22370123456", "+22366123456"


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path, ports=3, max_pending=200)
    played.up(1, A)
    yield played
    played.close()


def set_quota(played: PlayedGateway, quota: int | None) -> None:
    played.store.write(lambda db: accounts.update(db, "companies", played.company, {"quota": quota}))


def send_from_fifty_threads(played: PlayedGateway) -> list[type[GatewayError] | None]:
    def ask(_: int) -> type[GatewayError] | None:
        try:
            played.send()
        except GatewayError as error:
            return type(error)
        return None

    with ThreadPoolExecutor(50) as pool:
        return list(pool.map(ask, range(50)))


def test_fifty_threads_get_exactly_the_last_ten_of_a_quota(played: PlayedGateway) -> None:
    set_quota(played, 10)
    answers = send_from_fifty_threads(played)
    assert answers.count(None) == 10
    assert answers.count(QuotaExceededError) == 40
    assert played.gateway.quota(played.caller).used == 10


@pytest.mark.parametrize("limit", ["daily_limit", "monthly_limit"])
def test_fifty_threads_get_exactly_the_last_ten_of_a_sim(played: PlayedGateway, limit: str) -> None:
    played.set_sim(A, **{limit: 10})
    answers = send_from_fifty_threads(played)
    assert answers.count(None) == 10
    assert answers.count(SimUnavailableError) == 40


def test_a_bulk_takes_all_of_the_quota_or_nothing(played: PlayedGateway) -> None:
    set_quota(played, 3)
    drafts = [Draft(RECIPIENT, str(n)) for n in range(4)]
    with pytest.raises(QuotaExceededError) as caught:
        played.gateway.submit_bulk(played.caller, drafts, Options(), None)
    assert (caught.value.requested, caught.value.remaining, caught.value.total) == (4, 3, 3)
    assert played.row("SELECT count(*) FROM messages")[0] == 0
    accepted, _ = played.gateway.submit_bulk(played.caller, drafts[:3], Options(), None)
    assert isinstance(accepted, list)
    assert all(accepted)


def test_messages_of_a_bulk_beyond_the_limits_of_the_sims_fail_alone(played: PlayedGateway) -> None:
    played.set_sim(A, daily_limit=2)
    drafts = [Draft(RECIPIENT, str(n)) for n in range(3)]
    accepted, _ = played.gateway.submit_bulk(played.caller, drafts, Options(), None)
    assert isinstance(accepted, list)
    assert [isinstance(one, Accepted) for one in accepted] == [True, True, False]
    assert played.gateway.quota(played.caller).used == 2


def test_a_cancelled_message_is_not_counted_in_quota_and_limits_and_is_never_claimed(
    played: PlayedGateway,
) -> None:
    set_quota(played, 1)
    played.set_sim(A, daily_limit=1)
    sms_id = played.send()
    assert played.gateway.cancel(played.caller, sms_id).status is Status.CANCELLED
    played.send("again")
    assert played.claim(1).segment.text == "again"


def test_a_claimed_message_cannot_be_cancelled(played: PlayedGateway) -> None:
    sms_id = played.send()
    part = played.claim(1)
    with pytest.raises(ConflictError):
        played.gateway.cancel(played.caller, sms_id)
    played.settle(1, part, Submitted(1))
    with pytest.raises(ConflictError):
        played.gateway.cancel(played.caller, sms_id)


def test_a_full_queue_refuses_messages(played: PlayedGateway) -> None:
    drafts = [Draft(RECIPIENT, "x")] * 200
    played.gateway.submit_bulk(played.caller, drafts, Options(), None)
    with pytest.raises(QueueFullError):
        played.send()
    played.settle(1, played.claim(1), Submitted(1))
    played.send()


def test_task_ids_have_14_digits_and_rise_also_when_the_clock_steps_back(played: PlayedGateway) -> None:
    ids = []
    for step in (0, 1, -3_600_000_000, 50, 0, -(played.clock.at - 10)):
        played.clock.at += step
        ids.append(played.view(played.send()).task_id)
    assert all(len(task) == 14 and task.isdigit() for task in ids)
    assert ids == sorted(set(ids))


def chosen_sim(played: PlayedGateway, recipient: str = ORANGE, sim: int | None = None) -> str:
    return played.view(played.send(recipient=recipient, sim=sim)).sim_number[-1]


def test_the_named_sim_comes_first_then_the_companys_own_then_the_operators_then_the_default(
    played: PlayedGateway,
) -> None:
    played.up(2, B)
    played.up(3, C)
    played.set_sim(A, operator="Malitel")
    played.set_sim(B, operator="Orange Mali")
    played.set_sim(C, operator="Telecel", is_default=1)
    assert chosen_sim(played, ORANGE) == "2"
    assert chosen_sim(played, MALITEL) == "1"
    assert chosen_sim(played, ORANGE, sim=played.sim(C)) == "3"
    played.set_sim(B, operator="Elsewhere")
    for _ in range(3):
        assert chosen_sim(played, ORANGE) == "3"  # although other SIMs would be faster
    played.set_sim(A, company_id=played.company)
    assert chosen_sim(played, ORANGE) == "1"


def test_the_sim_with_the_shortest_wait_is_chosen(played: PlayedGateway) -> None:
    played.up(2, B)
    assert sorted(chosen_sim(played) for _ in range(4)) == ["1", "1", "2", "2"]


def test_a_sim_that_is_disabled_unknown_or_of_another_company_is_unavailable(played: PlayedGateway) -> None:
    played.up(2, B)
    played.set_sim(A, enabled=0)
    played.set_sim(B, company_id=played.company + 1)
    for sim in (None, played.sim(A), played.sim(B), 999, -1, 2**63 - 1):
        with pytest.raises(SimUnavailableError):
            played.send(sim=sim)


def test_messages_are_accepted_for_a_lost_modem_during_the_grace_period(played: PlayedGateway) -> None:
    played.down(1)
    played.send()
    assert played.gateway.ready()
    played.clock.passed += played.settings.dispatch.grace_s + 1
    with pytest.raises(SimUnavailableError):
        played.send()
    assert not played.gateway.ready()
    assert played.gateway.sims(played.caller) == (None, [])


def test_the_grace_period_begins_when_the_modem_is_lost(played: PlayedGateway) -> None:
    played.clock.passed += 10 * played.settings.dispatch.grace_s
    played.down(1)
    played.send()
    played.clock.passed += played.settings.dispatch.grace_s - 1
    played.down(1)
    played.send()
    assert played.gateway.sims(played.caller)[1]
    played.clock.passed += 2
    with pytest.raises(SimUnavailableError):
        played.send()


def test_a_removed_sim_is_listed_during_the_grace_period_only(played: PlayedGateway) -> None:
    status = played.statuses[1]
    played.set_status(replace(status, slots=(SlotStatus(1, SimState.ABSENT),)))
    played.clock.passed += played.settings.dispatch.grace_s + 1
    assert played.gateway.sims(played.caller)[1] == []


def test_a_locked_sim_and_a_sim_in_a_faulty_port_are_listed(played: PlayedGateway) -> None:
    status = played.statuses[1]
    for in_port in (
        replace(status, slots=(SlotStatus(1, SimState.PIN_REQUIRED),)),
        replace(status, state=PortState.SICK),
    ):
        played.set_status(in_port)
        played.clock.passed += played.settings.dispatch.grace_s + 1
        (sim,) = played.gateway.sims(played.caller)[1]
        assert not sim.can_send_sms
    played.down(1)
    assert played.gateway.sims(played.caller)[1] == []


def test_the_assigned_sim_is_the_companys_own_in_a_port_or_not(played: PlayedGateway) -> None:
    played.set_sim(A, company_id=played.company)
    played.up(2, B)
    played.down(1)
    played.clock.passed += played.settings.dispatch.grace_s + 1
    assigned, available = played.gateway.sims(played.caller)
    assert assigned is not None
    assert (assigned.id, assigned.can_send_sms) == (played.sim(A), False)
    assert [sim.id for sim in available] == [played.sim(B)]


def test_states_that_need_a_person_have_no_grace_period(played: PlayedGateway) -> None:
    status = played.statuses[1]
    played.set_status(replace(status, slots=(replace(status.slots[0], sim=SimState.PUK_REQUIRED),)))
    with pytest.raises(SimUnavailableError):
        played.send()


def test_messages_are_accepted_right_after_a_restart(played: PlayedGateway) -> None:
    played.restart()
    played.send()


def test_readiness_follows_the_state_of_the_sims(played: PlayedGateway) -> None:
    (sim,) = played.gateway.sims(played.caller)[1]
    assert sim.can_send_sms
    played.down(1)
    (sim,) = played.gateway.sims(played.caller)[1]
    assert not sim.can_send_sms


def test_a_silent_modem_is_reported_as_not_answering(played: PlayedGateway) -> None:
    played.ports[1].answer.cancel()
    played.ports[3].answer.set_result(Answer(3, ok=True, busy=False, detail=""))
    assert [(answer.port, answer.ok) for answer in played.gateway.test_connection(0.01)] == [
        (1, False),
        (2, False),
        (3, True),
    ]


def test_the_cost_is_the_price_of_a_part_times_the_parts_to_the_cent(played: PlayedGateway) -> None:
    played.set_sim(A, cost=0.05)
    assert played.view(played.send("x" * 400)).cost == 0.15


KEY = Idempotency("k", b"one")


def submit(played: PlayedGateway, key: Idempotency = KEY) -> tuple[MessageRecord | Replay, bool]:
    return played.gateway.submit(played.caller, Draft(RECIPIENT, "hello"), Options(), key, 0)


def test_a_key_that_is_still_being_answered_conflicts_and_another_body_mismatches(
    played: PlayedGateway,
) -> None:
    submit(played)
    with pytest.raises(ConflictError):
        submit(played)
    with pytest.raises(IdempotencyMismatchError):
        submit(played, Idempotency("k", b"two"))
    assert played.row("SELECT count(*) FROM messages")[0] == 1


def test_the_first_answer_is_given_again(played: PlayedGateway) -> None:
    submit(played)
    played.gateway.answered(played.caller, KEY, 200, '{"first": true}')
    assert submit(played) == (Replay(200, '{"first": true}'), True)
    assert played.row("SELECT count(*) FROM messages")[0] == 1


def test_a_key_is_known_for_24_hours_and_then_new(played: PlayedGateway) -> None:
    first, _ = submit(played)
    played.gateway.answered(played.caller, KEY, 200, "{}")
    played.clock.at += DAY
    assert submit(played) == (Replay(200, "{}"), True)
    played.clock.at += 1
    second, replayed = submit(played)
    assert not replayed
    assert isinstance(first, MessageRecord)
    assert isinstance(second, MessageRecord)
    assert first.sms_id != second.sms_id
    played.gateway.answered(played.caller, KEY, 200, '{"second": true}')
    assert submit(played) == (Replay(200, '{"second": true}'), True)


def test_an_abandoned_request_on_a_full_disk_causes_no_conflict_later(played: PlayedGateway) -> None:
    first, _ = submit(played)
    played.gateway._timers._again_s = 0.01  # noqa: SLF001 - the real five seconds are too long for a test
    writing = played.store.write(lambda db: db)
    writing.execute("PRAGMA query_only = ON")
    played.gateway.abandoned(played.caller, KEY)

    def answer_is_rebuilt() -> bool:
        try:
            return submit(played) == (first, True)
        except (ConflictError, StorageUnavailableError):  # the disk counts as recovered two seconds later
            return False

    eventually(answer_is_rebuilt)


def test_after_a_crash_the_answer_is_built_from_the_messages(played: PlayedGateway) -> None:
    first, _ = submit(played)
    drafts = [Draft(RECIPIENT, "a"), Draft(RECIPIENT, "b")]
    bulk_key = Idempotency("bulk", b"bulk")
    accepted, _ = played.gateway.submit_bulk(played.caller, drafts, Options(), bulk_key)
    played.restart()
    assert submit(played) == (first, True)
    assert played.gateway.submit_bulk(played.caller, drafts, Options(), bulk_key) == (accepted, True)
    assert played.row("SELECT count(*) FROM messages")[0] == 3


def test_a_request_that_failed_its_checks_is_not_stored(played: PlayedGateway) -> None:
    set_quota(played, 0)
    with pytest.raises(QuotaExceededError):
        submit(played)
    set_quota(played, None)
    _, replayed = submit(played)
    assert not replayed
