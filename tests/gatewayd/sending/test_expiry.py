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
from tests.gatewayd.played_ports import RECIPIENT, A, PlayedGateway, refused, used_quota

LIFE_S = 600


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path, in_doubt_wait_s=0.02, backoff_s=(0.02,), default_expiry_s=LIFE_S)
    played.up(1, A)
    yield played
    played.close()


def time_passes(played: PlayedGateway, seconds: float, *, look: bool = True) -> None:
    played.clock.at += int(seconds * SECOND)
    if look:
        played.gateway.clock_trusted()


def is_failed(played: PlayedGateway, sms_id: str) -> str:
    eventually(lambda: played.view(sms_id).status is Status.FAILED)
    return played.view(sms_id).failure_reason or ""


def test_a_message_expires_on_time_without_any_port(played: PlayedGateway) -> None:
    played.down(1)
    first, second = played.send(), played.send(text="é" * 200)
    time_passes(played, LIFE_S / 2)
    third = played.send()
    time_passes(played, LIFE_S / 2)
    for sms_id in (first, second):
        reason = is_failed(played, sms_id)
        assert "expired" in reason
        assert "expiré" in reason
    assert played.view(third).status is Status.PENDING
    assert used_quota(played) == 1
    assert played.row("SELECT sum(taken) FROM sim_usage")[0] == 1
    assert played.row("SELECT count(*) FROM parts WHERE state = 'queued'")[0] == 1


def test_a_message_with_a_short_life_of_its_own_ends_by_its_own_timer(played: PlayedGateway) -> None:
    played.down(1)
    options = Options(expires_in_s=1)
    view, _ = played.gateway.submit(played.caller, Draft(RECIPIENT, "x"), options, None, 0)
    assert isinstance(view, MessageRecord)
    time_passes(played, 1, look=False)
    is_failed(played, view.sms_id)  # a second of real time later


def test_many_messages_expire_in_small_steps(played: PlayedGateway) -> None:
    played.down(1)
    drafts = [Draft(RECIPIENT, "x") for _ in range(1100)]
    played.gateway.submit_bulk(played.caller, drafts, Options(), None)
    time_passes(played, LIFE_S)
    eventually(lambda: played.row("SELECT count(*) FROM messages WHERE status = 'pending'")[0] == 0)
    assert used_quota(played) == 0


def test_a_message_without_an_expiry_never_expires(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path, default_expiry_s=0)
    played.up(1, A)
    sms_id = played.send()
    time_passes(played, 1000 * 86400)
    part = played.claim(1)
    assert part.validity_s is None
    played.settle(1, part, Submitted(1))
    assert played.view(sms_id).status is Status.SENT
    played.close()


def test_the_validity_period_is_the_remaining_life(played: PlayedGateway) -> None:
    played.send()
    time_passes(played, LIFE_S / 3)
    assert played.claim(1).validity_s == LIFE_S * 2 // 3


def test_a_part_that_is_being_submitted_is_finished_first(played: PlayedGateway) -> None:
    sms_id = played.send()
    part = played.claim(1)
    time_passes(played, LIFE_S)
    played.settle(1, part, Submitted(1))
    assert played.view(sms_id).status is Status.SENT


def test_a_part_that_is_refused_after_the_expiry_is_not_retried(played: PlayedGateway) -> None:
    sms_id = played.send()
    part = played.claim(1)
    time_passes(played, LIFE_S)
    assert played.settle(1, part, refused(Kind.MOMENT)) == Rest()
    assert "expired" in is_failed(played, sms_id)
    assert used_quota(played) == 0


def test_a_partly_sent_message_fails_and_its_unsent_parts_are_dropped(played: PlayedGateway) -> None:
    sms_id = played.send("é" * 200)
    part = played.claim(1)
    played.up(1, A, registration=Registration.SEARCHING)
    played.settle(1, part, Submitted(1))
    time_passes(played, LIFE_S)
    assert "all of its parts" in is_failed(played, sms_id)
    assert used_quota(played) == 1
    played.up(1, A)
    assert played.next(1) == Rest()


def test_an_expired_message_in_doubt_is_not_sent_again(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path, in_doubt_wait_s=0.3, default_expiry_s=LIFE_S)
    played.up(1, A)
    sms_id = played.send()
    played.settle(1, played.claim(1), InDoubt("no answer"))
    time_passes(played, LIFE_S)
    assert played.view(sms_id).status is Status.PENDING
    assert "may have arrived" in is_failed(played, sms_id)
    assert played.next(1) == Rest()
    played.close()


def test_the_waiting_parts_of_a_message_in_doubt_are_dropped_and_a_report_counts(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path, in_doubt="hold", default_expiry_s=LIFE_S)
    played.up(1, A)
    sms_id = played.send("é" * 200)
    part = played.claim(1)
    played.up(1, A, registration=Registration.SEARCHING)
    played.settle(1, part, InDoubt("no answer"))
    at = datetime.fromtimestamp(played.clock.at / 1e6, UTC)
    time_passes(played, LIFE_S)
    played.up(1, A)
    assert played.next(1) == Rest()
    assert (played.view(sms_id).status, played.view(sms_id).in_doubt) == (Status.PENDING, True)
    played.gateway.dispatcher.reported(played.statuses[1], StatusReport("", 9, RECIPIENT, at, at, 0))
    time_passes(played, 1)
    assert "all of its parts" in is_failed(played, sms_id)
    assert used_quota(played) == 1
    played.close()


def test_no_message_expires_while_the_clock_is_not_trusted(played: PlayedGateway) -> None:
    played.clock.trusted = False
    first, second = played.send("1"), played.send("2")
    time_passes(played, LIFE_S * 10)
    part = played.claim(1)
    assert part.validity_s == LIFE_S
    played.up(1, A, registration=Registration.SEARCHING)
    played.settle(1, part, Submitted(1))
    assert played.view(first).status is Status.SENT
    assert played.view(second).status is Status.PENDING
    played.clock.trusted = True
    time_passes(played, 0)
    is_failed(played, second)


def test_expiries_of_an_untrusted_time_are_corrected(played: PlayedGateway) -> None:
    played.down(1)
    before = played.send()
    played.clock.at += 10 * SECOND
    since = played.clock.at
    during = played.send()
    jump = 40 * 365 * 86400 * SECOND
    played.clock.at += jump
    played.store.write(lambda db: played.gateway.restamp(db, since, jump))
    played.gateway.clock_trusted()
    is_failed(played, before)
    assert played.view(during).status is Status.PENDING
    assert played.view(during).created_at == since + jump
    time_passes(played, LIFE_S)
    is_failed(played, during)


def test_the_next_expiry_is_found_by_its_index(played: PlayedGateway) -> None:
    for statement in (
        "SELECT * FROM messages m WHERE status = 'pending' AND expires_at <= 1 ORDER BY expires_at LIMIT 5",
        "SELECT min(expires_at) FROM messages WHERE status = 'pending' AND expires_at > 1",
    ):
        with played.store.readers.lend() as db:
            plan = " ".join(row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}"))
        assert "messages_expiry" in plan
        assert "TEMP B-TREE" not in plan


def test_submissions_go_on_while_others_expire(played: PlayedGateway) -> None:
    played.send()
    time_passes(played, LIFE_S, look=False)
    unexpired = played.send("fresh")
    part = played.next(1)
    assert isinstance(part, Submission)
    assert part.segment.text == "fresh"
    played.settle(1, part, Submitted(1))
    assert played.view(unexpired).status is Status.SENT
