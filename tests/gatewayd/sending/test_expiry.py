"""Expired messages end on time, with a reason, and their quota is given back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatewayd.records import Draft, MessageRecord, Options, Status
from gatewayd.timekeeping.clock import SECOND
from modem.driver.registration import Registration
from modem.errors import Kind
from modem.parts import InDoubt, Submission, Submitted
from modem.port.interface import Rest
from modem.sms.tpdu import StatusReport
from tests.conftest import eventually
from tests.gatewayd.played_ports import RECIPIENT, House, refused

A = "8922301000000000001"
LIFE_S = 600


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, in_doubt_wait_s=0.02, backoff_s=(0.02,), default_expiry_s=LIFE_S)
    house.up(1, A)
    yield house
    house.close()


def used(house: House) -> int:
    count: int = house.row("SELECT sum(used) FROM company_usage")[0]
    return count


def time_passes(house: House, seconds: float, *, look: bool = True) -> None:
    house.clock.at += int(seconds * SECOND)
    if look:
        house.gateway.clock_trusted()


def fails(house: House, sms_id: str) -> str:
    eventually(lambda: house.view(sms_id).status is Status.FAILED)
    return house.view(sms_id).failure_reason or ""


def test_a_message_expires_on_time_without_any_port(house: House) -> None:
    house.down(1)
    first, second = house.send(), house.send(text="é" * 200)
    time_passes(house, LIFE_S / 2)
    third = house.send()
    time_passes(house, LIFE_S / 2)
    for sms_id in (first, second):
        reason = fails(house, sms_id)
        assert "expired" in reason
        assert "expiré" in reason
    assert house.view(third).status is Status.PENDING
    assert used(house) == 1
    assert house.row("SELECT sum(taken) FROM sim_usage")[0] == 1
    assert house.row("SELECT count(*) FROM parts WHERE state = 'queued'")[0] == 1


def test_a_message_with_a_short_life_of_its_own_ends_by_its_own_timer(house: House) -> None:
    house.down(1)
    options = Options(expires_in_s=1)
    view, _ = house.gateway.submit(house.caller, Draft(RECIPIENT, "x"), options, None, 0)
    assert isinstance(view, MessageRecord)
    time_passes(house, 1, look=False)
    fails(house, view.sms_id)  # a second of real time later


def test_many_messages_expire_in_small_steps(house: House) -> None:
    house.down(1)
    drafts = [Draft(RECIPIENT, "x") for _ in range(1100)]
    house.gateway.submit_bulk(house.caller, drafts, Options(), None)
    time_passes(house, LIFE_S)
    eventually(lambda: house.row("SELECT count(*) FROM messages WHERE status = 'pending'")[0] == 0)
    assert used(house) == 0


def test_a_message_without_an_expiry_never_expires(tmp_path: Path) -> None:
    house = House(tmp_path, default_expiry_s=0)
    house.up(1, A)
    sms_id = house.send()
    time_passes(house, 1000 * 86400)
    part = house.claim(1)
    assert part.validity_s is None
    house.settle(1, part, Submitted(1))
    assert house.view(sms_id).status is Status.SENT
    house.close()


def test_the_validity_period_is_the_remaining_life(house: House) -> None:
    house.send()
    time_passes(house, LIFE_S / 3)
    assert house.claim(1).validity_s == LIFE_S * 2 // 3


def test_a_part_in_the_air_is_finished_first(house: House) -> None:
    sms_id = house.send()
    part = house.claim(1)
    time_passes(house, LIFE_S)
    house.settle(1, part, Submitted(1))
    assert house.view(sms_id).status is Status.SENT


def test_a_part_that_is_refused_after_the_expiry_is_not_retried(house: House) -> None:
    sms_id = house.send()
    part = house.claim(1)
    time_passes(house, LIFE_S)
    assert house.settle(1, part, refused(Kind.MOMENT)) == Rest()
    assert "expired" in fails(house, sms_id)
    assert used(house) == 0


def test_a_partly_sent_message_fails_and_its_unsent_parts_are_dropped(house: House) -> None:
    sms_id = house.send("é" * 200)
    part = house.claim(1)
    house.up(1, A, registration=Registration.SEARCHING)
    house.settle(1, part, Submitted(1))
    time_passes(house, LIFE_S)
    assert "all of its parts" in fails(house, sms_id)
    assert used(house) == 1
    house.up(1, A)
    assert house.next(1) == Rest()


def test_an_expired_message_in_doubt_is_not_sent_again(tmp_path: Path) -> None:
    house = House(tmp_path, in_doubt_wait_s=0.3, default_expiry_s=LIFE_S)
    house.up(1, A)
    sms_id = house.send()
    house.settle(1, house.claim(1), InDoubt("no answer"))
    time_passes(house, LIFE_S)
    assert house.view(sms_id).status is Status.PENDING
    assert "may have arrived" in fails(house, sms_id)
    assert house.next(1) == Rest()
    house.close()


def test_the_waiting_parts_of_a_message_in_doubt_are_dropped_and_a_report_counts(tmp_path: Path) -> None:
    house = House(tmp_path, in_doubt="hold", default_expiry_s=LIFE_S)
    house.up(1, A)
    sms_id = house.send("é" * 200)
    part = house.claim(1)
    house.up(1, A, registration=Registration.SEARCHING)
    house.settle(1, part, InDoubt("no answer"))
    at = datetime.fromtimestamp(house.clock.at / 1e6, UTC)
    time_passes(house, LIFE_S)
    house.up(1, A)
    assert house.next(1) == Rest()
    assert (house.view(sms_id).status, house.view(sms_id).in_doubt) == (Status.PENDING, True)
    house.gateway.dispatcher.reported(house.statuses[1], StatusReport("", 9, RECIPIENT, at, at, 0))
    time_passes(house, 1)
    assert "all of its parts" in fails(house, sms_id)
    assert used(house) == 1
    house.close()


def test_no_message_expires_while_the_clock_is_not_trusted(house: House) -> None:
    house.clock.trusted = False
    first, second = house.send("1"), house.send("2")
    time_passes(house, LIFE_S * 10)
    part = house.claim(1)
    assert part.validity_s == LIFE_S
    house.up(1, A, registration=Registration.SEARCHING)
    house.settle(1, part, Submitted(1))
    assert house.view(first).status is Status.SENT
    assert house.view(second).status is Status.PENDING
    house.clock.trusted = True
    time_passes(house, 0)
    fails(house, second)


def test_expiries_of_an_untrusted_time_are_corrected(house: House) -> None:
    house.down(1)
    before = house.send()
    house.clock.at += 10 * SECOND
    since = house.clock.at
    during = house.send()
    jump = 40 * 365 * 86400 * SECOND
    house.clock.at += jump
    house.store.write(lambda db: house.gateway.restamp(db, since, jump))
    house.gateway.clock_trusted()
    fails(house, before)
    assert house.view(during).status is Status.PENDING
    assert house.view(during).created_at == since + jump
    time_passes(house, LIFE_S)
    fails(house, during)


def test_the_next_expiry_is_found_by_its_index(house: House) -> None:
    for statement in (
        "SELECT * FROM messages m WHERE status = 'pending' AND expires_at <= 1 ORDER BY expires_at LIMIT 5",
        "SELECT min(expires_at) FROM messages WHERE status = 'pending' AND expires_at > 1",
    ):
        with house.store.readers.lend() as db:
            plan = " ".join(row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}"))
        assert "messages_expiry" in plan
        assert "TEMP B-TREE" not in plan


def test_submissions_go_on_while_others_expire(house: House) -> None:
    house.send()
    time_passes(house, LIFE_S, look=False)
    fresh = house.send("fresh")
    part = house.next(1)
    assert isinstance(part, Submission)
    assert part.segment.text == "fresh"
    house.settle(1, part, Submitted(1))
    assert house.view(fresh).status is Status.SENT
