"""Parts in a modem's memory: how the gateway records and settles them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gatewayd.records import Status
from modem.parts import InDoubt, Place, StoredState, Submission, Via
from modem.port.interface import Kept, Rest, Storage
from tests.gatewayd.played_ports import A, B, PlayedGateway

PLACE = Place("ME", 3)


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path, submit_via="storage", in_doubt="hold")
    played.up(1, A)
    yield played
    played.close()


def record_storage(played: PlayedGateway, storage: Storage = Storage.MARKS) -> None:
    played.gateway.dispatcher.learned(played.statuses[1], storage)


def record_place(played: PlayedGateway, part: Submission, place: Place | None = PLACE) -> None:
    played.gateway.dispatcher.stored(played.statuses[1], part, place)


def parts_in_memory(played: PlayedGateway) -> tuple[Kept, ...]:
    return played.gateway.dispatcher.in_memory(played.statuses[1])


def record_stored_state(played: PlayedGateway, stored_state: StoredState) -> None:
    [kept_part] = parts_in_memory(played)
    played.gateway.dispatcher.found(played.statuses[1], kept_part, stored_state)
    played.gateway.dispatcher.emptied(played.statuses[1], kept_part)


def restart(played: PlayedGateway) -> None:
    played.restart()
    played.up(1, A)


def test_the_storage_abilities_of_a_model_are_recorded(played: PlayedGateway) -> None:
    for text in ("one", "two", "three"):
        played.send(text)
    part = played.claim(1)
    assert (part.via, part.marks) == (Via.STORAGE, False)
    record_storage(played)
    part = played.claim(1)
    assert (part.via, part.marks) == (Via.STORAGE, True)
    record_storage(played, Storage.NO_MARKS)
    restart(played)
    assert played.claim(1).via is Via.DIRECT
    with played.store.readers.lend() as db:
        assert "does not mark" in played.gateway.dispatcher.modem_memory.why_direct(db, played.statuses[1])


def test_a_part_without_a_place_is_queued_again(played: PlayedGateway) -> None:
    sms_id = played.send()
    first = played.claim(1)
    restart(played)
    assert not played.view(sms_id).in_doubt
    [orphan] = parts_in_memory(played)
    assert (orphan.place, orphan.submission.token, orphan.settled) == (None, first.token, True)
    part = played.claim(1)
    assert part.token > first.token
    assert played.view(sms_id).retry_count == 0


def test_a_part_stored_as_sent_is_not_sent_again(played: PlayedGateway) -> None:
    sms_id = played.send()
    record_place(played, played.claim(1))
    restart(played)
    assert played.view(sms_id).in_doubt
    [kept_part] = parts_in_memory(played)
    assert (kept_part.place, kept_part.settled, kept_part.submission.segment.text) == (
        PLACE,
        False,
        "hello",
    )
    record_stored_state(played, StoredState.SENT)
    assert played.view(sms_id).status is Status.SENT
    assert parts_in_memory(played) == ()
    assert played.next(1) == Rest()


@pytest.mark.parametrize("marks", [True, False])
def test_a_part_stored_as_unsent_is_queued_for_a_model_that_marks_sent_parts(
    played: PlayedGateway, marks: bool
) -> None:
    sms_id = played.send()
    record_place(played, played.claim(1))
    if marks:
        record_storage(played)
    restart(played)
    record_stored_state(played, StoredState.UNSENT)
    assert played.view(sms_id).in_doubt is not marks
    assert isinstance(played.next(1), Submission) is marks


def test_unsent_does_not_count_before_the_time_limit(played: PlayedGateway) -> None:
    played.send()
    record_place(played, played.claim(1))
    restart(played)
    played.clock.passed += 100
    assert parts_in_memory(played)[0].unsure_s == 80
    played.clock.passed += 100
    assert parts_in_memory(played)[0].unsure_s == 0


def test_parts_of_another_modem_or_sim_are_not_listed(played: PlayedGateway) -> None:
    for text in ("one", "two"):
        played.send(text)
    record_place(played, played.claim(1))
    record_place(played, played.claim(1), Place("SM", 3))
    restart(played)
    assert len(parts_in_memory(played)) == 2
    played.up(1, B)
    assert [kept_part.place for kept_part in parts_in_memory(played)] == [PLACE]
    played.set_status(replace(played.statuses[1], imei="350000000000001"))
    assert parts_in_memory(played) == ()


def test_a_place_holds_one_part(played: PlayedGateway) -> None:
    for text in ("one", "two"):
        played.send(text)
    record_place(played, played.claim(1))
    second = played.claim(1)
    record_place(played, second)
    restart(played)
    assert [kept_part.submission.message_id for kept_part in parts_in_memory(played)] == [second.message_id]


def test_a_part_sent_directly_after_all_is_in_doubt_after_a_crash(played: PlayedGateway) -> None:
    sms_id = played.send()
    record_place(played, played.claim(1), None)
    restart(played)
    assert played.view(sms_id).in_doubt
    assert parts_in_memory(played) == ()


def test_an_emptied_place_is_not_listed_again(played: PlayedGateway) -> None:
    played.send()
    part = played.claim(1)
    record_place(played, part)
    played.settle(1, part, InDoubt("it does not know", asked=True))
    assert parts_in_memory(played) == ()


def test_a_late_answer_settles_the_only_part_in_doubt(played: PlayedGateway) -> None:
    sms_id = played.send()
    part = played.claim(1)
    played.settle(1, part, InDoubt("it says nothing"))
    played.gateway.dispatcher.told_late(played.statuses[1], 9)
    assert played.view(sms_id).status is Status.SENT
    assert played.row("SELECT reference FROM parts")[0] == 9


def test_a_late_answer_that_fits_two_parts_settles_none(played: PlayedGateway) -> None:
    sms_ids = [played.send(text) for text in ("one", "two")]
    second = played.settle(1, played.claim(1), InDoubt("it says nothing"))
    assert isinstance(second, Submission)
    played.settle(1, second, InDoubt("it says nothing"))
    played.gateway.dispatcher.told_late(played.statuses[1], 9)
    assert all(played.view(sms_id).in_doubt for sms_id in sms_ids)


def test_a_modem_counts_as_busy_for_the_limit_of_a_submission(played: PlayedGateway) -> None:
    assert played.gateway.dispatcher.busy_s(1) == 0
    played.send()
    played.claim(1)
    played.restart()
    played.up(1, A)
    assert played.gateway.dispatcher.busy_s(1) == 0  # it was still being written
    record_place(played, played.claim(1))
    played.restart()
    assert played.gateway.dispatcher.busy_s(1) == 180
    played.clock.at += 100_000_000
    assert played.gateway.dispatcher.busy_s(1) == 80
    played.clock.at -= 10**15  # the clock was set back: not busy for longer than a submission
    assert played.gateway.dispatcher.busy_s(1) == 180
