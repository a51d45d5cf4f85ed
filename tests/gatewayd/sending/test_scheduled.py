"""Scheduled messages: accepted now, and given to a SIM when they are due."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayd.errors import ConflictError, QuotaExceededError, SimUnavailableError
from gatewayd.records import Caller, Draft, Idempotency, MessageRecord, Options, Priority, Status
from gatewayd.sending.queue_age import queue_age
from gatewayd.store.tables import accounts, queue_counts
from gatewayd.timekeeping.clock import DAY, SECOND, Calendar
from modem.parts import Submission, Submitted
from modem.port.interface import Rest
from tests.conftest import eventually
from tests.gatewayd.played_ports import RECIPIENT, PlayedGateway

A, B = "8922301000000000001", "8922301000000000002"
HOUR = 3600 * SECOND


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path, default_expiry_s=7200)
    played.up(1, A)
    yield played
    played.close()


def schedule(
    played: PlayedGateway,
    text: str = "later",
    in_us: int = HOUR,
    key: Idempotency | None = None,
    wait_s: float = 0,
    **options: object,
) -> str:
    wanted = Options(send_at=played.clock.at + in_us, **options)  # type: ignore[arg-type]
    view, _ = played.gateway.submit(played.caller, Draft(RECIPIENT, text), wanted, key, wait_s)
    assert isinstance(view, MessageRecord)
    return view.sms_id


def time_passes(played: PlayedGateway, us: int) -> None:
    played.clock.at += us
    played.gateway.clock_trusted()  # looks at once


def queued(played: PlayedGateway) -> int:
    return sum(played.store.write(queue_counts.waiting).values())


def age_s(played: PlayedGateway) -> float | None:
    calendar = Calendar(played.settings.numbers.zone)
    at = played.clock.moment(calendar)
    return played.store.write(lambda db: queue_age(db, at, calendar)).oldest_s


def test_it_is_sent_when_it_is_due_and_not_before(played: PlayedGateway) -> None:
    sms_id = schedule(played, "é" * 200)
    assert played.view(sms_id).sim_number == ""
    time_passes(played, HOUR - SECOND)
    assert played.next(1) == Rest()
    assert (queued(played), age_s(played)) == (0, None)
    wakes = played.ports[1].wakes
    time_passes(played, SECOND)
    eventually(lambda: queued(played) == 2)
    assert played.ports[1].wakes > wakes
    assert age_s(played) == 0
    part = played.claim(1)
    assert part.validity_s == 7200  # its life counts from the time at which it is due
    second = played.settle(1, part, Submitted(1))
    assert isinstance(second, Submission)
    played.settle(1, second, Submitted(2))
    view = played.view(sms_id)
    assert (view.status, view.sim_number) == (Status.SENT, "+22370000001")
    assert view.expires_at == view.created_at + HOUR + 7200 * SECOND


def test_no_request_waits_for_a_message_that_is_due_later_than_it_waits(played: PlayedGateway) -> None:
    sms_id = schedule(played, wait_s=3000)  # it would be ended by the limit of each test
    assert played.view(sms_id).status is Status.PENDING


def test_a_time_in_the_past_counts_as_now(played: PlayedGateway) -> None:
    sms_id = schedule(played, in_us=-HOUR)
    assert played.claim(1).validity_s == 7200
    assert played.view(sms_id).send_at == played.clock.at - HOUR


def test_its_sim_and_the_limits_of_the_sim_count_when_it_is_due(played: PlayedGateway) -> None:
    played.set_sim(A, daily_limit=1)
    schedule(played, "tomorrow", in_us=DAY)
    played.send("today")
    with pytest.raises(SimUnavailableError):
        played.send("too many")
    played.settle(1, played.claim(1), Submitted(1))
    played.up(2, B)
    played.set_sim(B, enabled=0)
    time_passes(played, DAY)
    eventually(lambda: queued(played) == 1)
    assert played.claim(1).segment.text == "tomorrow"


def test_it_is_accepted_while_no_sim_is_up_and_waits_for_one(played: PlayedGateway) -> None:
    played.down(1)
    played.clock.passed += 1000  # past grace
    with pytest.raises(SimUnavailableError):
        played.send()
    sms_id = schedule(played, in_us=HOUR)
    time_passes(played, HOUR)
    assert eventually(lambda: played.view(sms_id).failure_reason).startswith("It is due, and no SIM")
    time_passes(played, 60 * SECOND)
    assert age_s(played) == 60
    played.up(1, A)
    time_passes(played, 0)
    eventually(lambda: queued(played) == 1)
    played.settle(1, played.claim(1), Submitted(1))
    assert played.view(sms_id).status is Status.SENT
    assert played.view(sms_id).failure_reason is None


def test_a_message_without_a_sim_ends_only_by_its_expiry(played: PlayedGateway) -> None:
    played.down(1)
    played.clock.passed += 1000
    sms_id = schedule(played)
    time_passes(played, HOUR + 7200 * SECOND)
    eventually(lambda: played.view(sms_id).status is Status.FAILED)
    assert "expired" in (played.view(sms_id).failure_reason or "")
    assert played.row("SELECT count(*) FROM sim_usage WHERE taken <> 0 OR sim_id = 0")[0] == 0


def test_one_that_finds_no_room_holds_up_no_other(played: PlayedGateway) -> None:
    played.up(2, B)
    played.set_sim(A, daily_limit=0)
    first = [schedule(played, f"stuck {n}", sim_id=played.sim(A)) for n in range(150)]
    schedule(played, "free", in_us=HOUR + SECOND)
    time_passes(played, HOUR + SECOND)
    eventually(lambda: queued(played) == 1)
    assert played.claim(2).segment.text == "free"
    played.set_sim(A, daily_limit=None)
    time_passes(played, 0)
    eventually(lambda: queued(played) == len(first))


def test_a_named_sim_is_used_when_it_is_due_and_no_other(played: PlayedGateway) -> None:
    played.up(2, B)
    sms_id = schedule(played, sim_id=played.sim(B))
    assert played.view(sms_id).sim_number == "+22370000002"
    time_passes(played, HOUR)
    eventually(lambda: queued(played) == 1)
    assert played.next(1) == Rest()
    assert played.claim(2).segment.text == "later"


def test_a_named_sim_must_be_one_that_the_company_may_use(played: PlayedGateway) -> None:
    other = played.store.write(lambda db: accounts.add_company(db, "Other", None, 0))
    played.set_sim(A, company_id=other)
    for sim_id in (played.sim(A), 99):
        with pytest.raises(SimUnavailableError):
            schedule(played, sim_id=sim_id)


def test_it_can_be_cancelled_until_it_is_due(played: PlayedGateway) -> None:
    sms_id = schedule(played)
    assert played.gateway.cancel(played.caller, sms_id).status is Status.CANCELLED
    time_passes(played, HOUR)
    released = schedule(played, "next", in_us=SECOND)
    time_passes(played, SECOND)
    eventually(lambda: queued(played) == 1)
    assert played.claim(1).segment.text == "next"
    with pytest.raises(ConflictError):
        played.gateway.cancel(played.caller, released)
    assert played.row("SELECT sum(used) FROM company_usage")[0] == 1
    assert played.row("SELECT sum(taken) FROM sim_usage")[0] == 1


def test_quota_is_taken_at_acceptance_in_that_month(played: PlayedGateway) -> None:
    played.store.write(lambda db: accounts.update(db, "companies", played.company, {"quota": 1}))
    sms_id = schedule(played, in_us=40 * DAY)
    with pytest.raises(QuotaExceededError):
        played.send()
    time_passes(played, 40 * DAY)
    played.send("of the next month")
    assert played.row("SELECT group_concat(used) FROM company_usage ORDER BY month")[0] == "1,1"
    assert played.view(sms_id).status is Status.PENDING


def test_nothing_is_released_while_the_clock_is_not_trusted(played: PlayedGateway) -> None:
    played.clock.trusted = False
    sms_id = schedule(played, in_us=-HOUR)
    later = schedule(played, in_us=HOUR)
    time_passes(played, 2 * HOUR)
    assert played.next(1) == Rest()
    assert "clock" in (played.view(sms_id).failure_reason or "")
    before = played.view(later).expires_at
    played.clock.trusted = True
    played.store.write(lambda db: played.gateway.restamp(db, 0, HOUR // 2))
    assert played.view(later).expires_at == before  # it lives from the time that its client named
    time_passes(played, 0)
    eventually(lambda: queued(played) == 2)


def test_it_survives_a_restart_and_a_clock_that_is_set_back(played: PlayedGateway) -> None:
    sms_id = schedule(played)
    played.restart()
    played.up(1, A)
    time_passes(played, -10 * HOUR)
    assert played.next(1) == Rest()
    time_passes(played, 11 * HOUR)
    eventually(lambda: queued(played) == 1)
    played.settle(1, played.claim(1), Submitted(1))
    assert played.view(sms_id).status is Status.SENT


def test_a_repeated_request_is_answered_from_it(played: PlayedGateway) -> None:
    key = Idempotency("k", b"body")
    caller, draft = played.caller, Draft(RECIPIENT, "once")
    options = Options(send_at=played.clock.at + HOUR)
    first, replayed = played.gateway.submit(caller, draft, options, key, 0)
    assert not replayed
    played.gateway.abandoned(caller, key)
    second = eventually(lambda: _again(played, caller, draft, options, key))
    assert isinstance(first, MessageRecord)
    assert second.sms_id == first.sms_id
    assert played.row("SELECT count(*) FROM messages")[0] == 1


def _again(
    played: PlayedGateway, caller: Caller, draft: Draft, options: Options, key: Idempotency
) -> MessageRecord | None:
    try:
        found, replayed = played.gateway.submit(caller, draft, options, key, 0)
    except ConflictError:
        return None
    assert replayed
    assert isinstance(found, MessageRecord)
    return found


def test_a_bulk_of_scheduled_messages_has_no_parts_until_it_is_due(played: PlayedGateway) -> None:
    options = Options(send_at=played.clock.at + HOUR, priority=Priority.BULK)
    drafts = [Draft(RECIPIENT, f"{n}") for n in range(250)]
    accepted, _ = played.gateway.submit_bulk(played.caller, drafts, options, None)
    assert isinstance(accepted, list)
    assert all(accepted)
    assert played.row("SELECT count(*) FROM parts")[0] == 0
    assert played.store.write(queue_counts.pending) == 250
    time_passes(played, HOUR)
    eventually(lambda: queued(played) == 250)


def test_one_that_is_due_now_is_new_though_it_was_accepted_before_an_outage(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path, backlog_guard_s=3600, backlog_rate=1)
    played.up(1, A)
    for name in ("in time", "late"):
        schedule(played, name, in_us=10 * HOUR if name == "in time" else HOUR)
    played.send("old")
    played.close()
    played.clock.at += 10 * HOUR
    played.open()
    played.up(1, A)
    eventually(lambda: queued(played) == 3)
    first = played.claim(1)
    second = played.settle(1, first, Submitted(1))
    assert isinstance(second, Submission)
    assert [first.segment.text, second.segment.text] == ["in time", "late"]
    assert isinstance(played.settle(1, second, Submitted(2)), Rest)  # one old message a minute
    played.close()
