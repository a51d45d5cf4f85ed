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
from gatewayd.records import Draft, Idempotency, MessageRecord, Options, Replay, Status
from gatewayd.store.tables import accounts
from gatewayd.timekeeping.clock import DAY
from modem.driver.sim import SimState
from modem.parts import Submitted
from modem.port.status import Answer, PortState, SlotStatus
from tests.conftest import eventually
from tests.gatewayd.played_ports import RECIPIENT, House

A, B, C = "8922301000000000001", "8922301000000000002", "8922301000000000003"
ORANGE, MALITEL = "+22370123456", "+22366123456"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, ports=3, max_pending=200)
    house.up(1, A)
    yield house
    house.close()


def set_quota(house: House, quota: int | None) -> None:
    house.store.write(lambda db: accounts.update(db, "companies", house.company, {"quota": quota}))


def fifty_at_once(house: House) -> list[type[GatewayError] | None]:
    def ask(_: int) -> type[GatewayError] | None:
        try:
            house.send()
        except GatewayError as error:
            return type(error)
        return None

    with ThreadPoolExecutor(50) as pool:
        return list(pool.map(ask, range(50)))


def test_fifty_threads_get_exactly_the_last_ten_of_a_quota(house: House) -> None:
    set_quota(house, 10)
    answers = fifty_at_once(house)
    assert answers.count(None) == 10
    assert answers.count(QuotaExceededError) == 40
    assert house.gateway.quota(house.caller).used == 10


@pytest.mark.parametrize("limit", ["daily_limit", "monthly_limit"])
def test_fifty_threads_get_exactly_the_last_ten_of_a_sim(house: House, limit: str) -> None:
    house.set_sim(A, **{limit: 10})
    answers = fifty_at_once(house)
    assert answers.count(None) == 10
    assert answers.count(SimUnavailableError) == 40


def test_a_bulk_takes_all_of_the_quota_or_nothing(house: House) -> None:
    set_quota(house, 3)
    drafts = [Draft(RECIPIENT, str(n)) for n in range(4)]
    with pytest.raises(QuotaExceededError) as told:
        house.gateway.submit_bulk(house.caller, drafts, Options(), None)
    assert (told.value.requested, told.value.remaining, told.value.total) == (4, 3, 3)
    assert house.row("SELECT count(*) FROM messages")[0] == 0
    taken, _ = house.gateway.submit_bulk(house.caller, drafts[:3], Options(), None)
    assert isinstance(taken, list)
    assert all(taken)


def test_messages_of_a_bulk_beyond_the_room_of_the_sims_fail_alone(house: House) -> None:
    house.set_sim(A, daily_limit=2)
    drafts = [Draft(RECIPIENT, str(n)) for n in range(3)]
    taken, _ = house.gateway.submit_bulk(house.caller, drafts, Options(), None)
    assert isinstance(taken, list)
    assert [one is not None for one in taken] == [True, True, False]
    assert house.gateway.quota(house.caller).used == 2


def test_a_cancelled_message_gives_back_quota_and_room_and_is_never_claimed(house: House) -> None:
    set_quota(house, 1)
    house.set_sim(A, daily_limit=1)
    sms_id = house.send()
    assert house.gateway.cancel(house.caller, sms_id).status is Status.CANCELLED
    house.send("again")
    assert house.claim(1).segment.text == "again"


def test_a_claimed_message_cannot_be_cancelled(house: House) -> None:
    sms_id = house.send()
    part = house.claim(1)
    with pytest.raises(ConflictError):
        house.gateway.cancel(house.caller, sms_id)
    house.settle(1, part, Submitted(1))
    with pytest.raises(ConflictError):
        house.gateway.cancel(house.caller, sms_id)


def test_a_full_queue_refuses_messages(house: House) -> None:
    drafts = [Draft(RECIPIENT, "x")] * 200
    house.gateway.submit_bulk(house.caller, drafts, Options(), None)
    with pytest.raises(QueueFullError):
        house.send()
    house.settle(1, house.claim(1), Submitted(1))
    house.send()


def test_task_ids_have_14_digits_and_rise_also_when_the_clock_steps_back(house: House) -> None:
    ids = []
    for step in (0, 1, -3_600_000_000, 50, 0, -(house.clock.at - 10)):
        house.clock.at += step
        ids.append(house.view(house.send()).task_id)
    assert all(len(task) == 14 and task.isdigit() for task in ids)
    assert ids == sorted(set(ids))


def chosen(house: House, recipient: str = ORANGE, sim: int | None = None) -> str:
    return house.view(house.send(recipient=recipient, sim=sim)).sim_number[-1]


def test_the_named_sim_comes_first_then_the_companys_own_then_the_operators_then_the_default(
    house: House,
) -> None:
    house.up(2, B)
    house.up(3, C)
    house.set_sim(A, operator="Malitel")
    house.set_sim(B, operator="Orange Mali")
    house.set_sim(C, operator="Telecel", is_default=1)
    assert chosen(house, ORANGE) == "2"
    assert chosen(house, MALITEL) == "1"
    assert chosen(house, ORANGE, sim=house.sim(C)) == "3"
    house.set_sim(B, operator="Elsewhere")
    for _ in range(3):
        assert chosen(house, ORANGE) == "3"  # although other SIMs would be faster
    house.set_sim(A, company_id=house.company)
    assert chosen(house, ORANGE) == "1"


def test_the_sim_with_the_shortest_wait_is_chosen(house: House) -> None:
    house.up(2, B)
    assert sorted(chosen(house) for _ in range(4)) == ["1", "1", "2", "2"]


def test_a_sim_that_is_disabled_or_anothers_or_unknown_is_unavailable(house: House) -> None:
    house.up(2, B)
    house.set_sim(A, enabled=0)
    house.set_sim(B, company_id=house.company + 1)
    for sim in (None, house.sim(A), house.sim(B), 999, -1, 2**63 - 1):
        with pytest.raises(SimUnavailableError):
            house.send(sim=sim)


def test_messages_are_accepted_for_a_lost_modem_during_the_grace_period(house: House) -> None:
    house.down(1)
    house.send()
    assert house.gateway.ready()
    house.clock.passed += house.settings.dispatch.grace_s + 1
    with pytest.raises(SimUnavailableError):
        house.send()
    assert not house.gateway.ready()
    assert house.gateway.sims(house.caller) == (None, [])


def test_the_grace_period_begins_when_the_modem_is_lost(house: House) -> None:
    house.clock.passed += 10 * house.settings.dispatch.grace_s
    house.down(1)
    house.send()
    house.clock.passed += house.settings.dispatch.grace_s - 1
    house.down(1)
    house.send()
    assert house.gateway.sims(house.caller)[1]
    house.clock.passed += 2
    with pytest.raises(SimUnavailableError):
        house.send()


def test_a_removed_sim_is_listed_during_the_grace_period_only(house: House) -> None:
    status = house.statuses[1]
    house.say(replace(status, slots=(SlotStatus(1, SimState.ABSENT),)))
    house.clock.passed += house.settings.dispatch.grace_s + 1
    assert house.gateway.sims(house.caller)[1] == []


def test_a_locked_sim_or_one_in_a_sick_port_is_listed(house: House) -> None:
    status = house.statuses[1]
    for in_port in (
        replace(status, slots=(SlotStatus(1, SimState.PIN_REQUIRED),)),
        replace(status, state=PortState.SICK),
    ):
        house.say(in_port)
        house.clock.passed += house.settings.dispatch.grace_s + 1
        (sim,) = house.gateway.sims(house.caller)[1]
        assert not sim.can_send_sms
    house.down(1)
    assert house.gateway.sims(house.caller)[1] == []


def test_the_assigned_sim_is_the_companys_own_in_a_port_or_not(house: House) -> None:
    house.set_sim(A, company_id=house.company)
    house.up(2, B)
    house.down(1)
    house.clock.passed += house.settings.dispatch.grace_s + 1
    assigned, available = house.gateway.sims(house.caller)
    assert assigned is not None
    assert (assigned.id, assigned.can_send_sms) == (house.sim(A), False)
    assert [sim.id for sim in available] == [house.sim(B)]


def test_states_that_need_a_person_have_no_grace_period(house: House) -> None:
    status = house.statuses[1]
    house.say(replace(status, slots=(replace(status.slots[0], sim=SimState.PUK_REQUIRED),)))
    with pytest.raises(SimUnavailableError):
        house.send()


def test_messages_are_accepted_right_after_a_restart(house: House) -> None:
    house.restart()
    house.send()


def test_readiness_follows_the_state_of_the_sims(house: House) -> None:
    (sim,) = house.gateway.sims(house.caller)[1]
    assert sim.can_send_sms
    house.down(1)
    (sim,) = house.gateway.sims(house.caller)[1]
    assert not sim.can_send_sms


def test_a_silent_modem_is_reported_as_not_answering(house: House) -> None:
    house.bells[1].answer.cancel()
    house.bells[3].answer.set_result(Answer(3, ok=True, busy=False, detail=""))
    assert [(answer.port, answer.ok) for answer in house.gateway.test_connection(0.01)] == [
        (1, False),
        (2, False),
        (3, True),
    ]


def test_the_cost_is_the_price_of_a_part_times_the_parts_to_the_cent(house: House) -> None:
    house.set_sim(A, cost=0.05)
    assert house.view(house.send("x" * 400)).cost == 0.15


KEY = Idempotency("k", b"one")


def submit(house: House, key: Idempotency = KEY) -> tuple[MessageRecord | Replay, bool]:
    return house.gateway.submit(house.caller, Draft(RECIPIENT, "hello"), Options(), key, 0)


def test_a_key_that_is_still_being_answered_conflicts_and_another_body_mismatches(house: House) -> None:
    submit(house)
    with pytest.raises(ConflictError):
        submit(house)
    with pytest.raises(IdempotencyMismatchError):
        submit(house, Idempotency("k", b"two"))
    assert house.row("SELECT count(*) FROM messages")[0] == 1


def test_the_first_answer_is_given_again(house: House) -> None:
    submit(house)
    house.gateway.answered(house.caller, KEY, 200, '{"first": true}')
    assert submit(house) == (Replay(200, '{"first": true}'), True)
    assert house.row("SELECT count(*) FROM messages")[0] == 1


def test_a_key_is_known_for_24_hours_and_then_new(house: House) -> None:
    first, _ = submit(house)
    house.gateway.answered(house.caller, KEY, 200, "{}")
    house.clock.at += DAY
    assert submit(house) == (Replay(200, "{}"), True)
    house.clock.at += 1
    second, replayed = submit(house)
    assert not replayed
    assert isinstance(first, MessageRecord)
    assert isinstance(second, MessageRecord)
    assert first.sms_id != second.sms_id
    house.gateway.answered(house.caller, KEY, 200, '{"second": true}')
    assert submit(house) == (Replay(200, '{"second": true}'), True)


def test_an_abandoned_request_on_a_full_disk_causes_no_conflict_later(house: House) -> None:
    first, _ = submit(house)
    house.gateway._timers._again_s = 0.01  # noqa: SLF001 - the real five seconds are too long for a test
    writing = house.store.write(lambda db: db)
    writing.execute("PRAGMA query_only = ON")
    house.gateway.abandoned(house.caller, KEY)

    def built_again() -> bool:
        try:
            return submit(house) == (first, True)
        except (ConflictError, StorageUnavailableError):  # the disk counts as recovered two seconds later
            return False

    eventually(built_again)


def test_after_a_crash_the_answer_is_built_from_the_messages(house: House) -> None:
    first, _ = submit(house)
    drafts = [Draft(RECIPIENT, "a"), Draft(RECIPIENT, "b")]
    bulk_key = Idempotency("bulk", b"bulk")
    taken, _ = house.gateway.submit_bulk(house.caller, drafts, Options(), bulk_key)
    house.restart()
    assert submit(house) == (first, True)
    assert house.gateway.submit_bulk(house.caller, drafts, Options(), bulk_key) == (taken, True)
    assert house.row("SELECT count(*) FROM messages")[0] == 3


def test_a_request_that_failed_its_checks_is_not_kept(house: House) -> None:
    set_quota(house, 0)
    with pytest.raises(QuotaExceededError):
        submit(house)
    set_quota(house, None)
    _, replayed = submit(house)
    assert not replayed
