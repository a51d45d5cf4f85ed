"""Parts in a modem's memory: how the gateway records and settles them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gatewayd.records import Status
from modem.parts import Fate, InDoubt, Place, Submission, Via
from modem.port.interface import Kept, Rest, Storage
from tests.gatewayd.played_ports import House

A, B = "8922301000000000001", "8922301000000000002"
HERE = Place("ME", 3)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, submit_via="storage", in_doubt="hold")
    house.up(1, A)
    yield house
    house.close()


def learn(house: House, storage: Storage = Storage.MARKS) -> None:
    house.gateway.dispatcher.learned(house.statuses[1], storage)


def place(house: House, part: Submission, where: Place | None = HERE) -> None:
    house.gateway.dispatcher.stored(house.statuses[1], part, where)


def kept(house: House) -> tuple[Kept, ...]:
    return house.gateway.dispatcher.in_memory(house.statuses[1])


def found(house: House, fate: Fate) -> None:
    [one] = kept(house)
    house.gateway.dispatcher.found(house.statuses[1], one, fate)
    house.gateway.dispatcher.emptied(house.statuses[1], one)


def restart(house: House) -> None:
    house.restart()
    house.up(1, A)


def test_the_abilities_of_a_model_are_recorded(house: House) -> None:
    for text in ("one", "two", "three"):
        house.send(text)
    part = house.claim(1)
    assert (part.via, part.marks) == (Via.STORAGE, False)
    learn(house)
    part = house.claim(1)
    assert (part.via, part.marks) == (Via.STORAGE, True)
    learn(house, Storage.NO_MARKS)
    restart(house)
    assert house.claim(1).via is Via.DIRECT
    with house.store.readers.lend() as db:
        assert "does not mark" in house.gateway.dispatcher.modem_memory.why_direct(db, house.statuses[1])


def test_a_part_without_a_place_is_queued_again(house: House) -> None:
    sms_id = house.send()
    first = house.claim(1)
    restart(house)
    assert not house.view(sms_id).in_doubt
    [stray] = kept(house)
    assert (stray.place, stray.submission.token, stray.settled) == (None, first.token, True)
    again = house.claim(1)
    assert again.token > first.token
    assert house.view(sms_id).retry_count == 0


def test_a_part_that_the_memory_calls_sent_is_not_sent_again(house: House) -> None:
    sms_id = house.send()
    place(house, house.claim(1))
    restart(house)
    assert house.view(sms_id).in_doubt
    [one] = kept(house)
    assert (one.place, one.settled, one.submission.segment.text) == (HERE, False, "hello")
    found(house, Fate.SENT)
    assert house.view(sms_id).status is Status.SENT
    assert kept(house) == ()
    assert house.next(1) == Rest()


@pytest.mark.parametrize("marks", [True, False])
def test_a_part_that_the_memory_calls_unsent_is_queued_for_a_marking_model(house: House, marks: bool) -> None:
    sms_id = house.send()
    place(house, house.claim(1))
    if marks:
        learn(house)
    restart(house)
    found(house, Fate.UNSENT)
    assert house.view(sms_id).in_doubt is not marks
    assert isinstance(house.next(1), Submission) is marks


def test_unsent_is_not_believed_before_the_time_limit(house: House) -> None:
    house.send()
    place(house, house.claim(1))
    restart(house)
    house.clock.passed += 100
    assert kept(house)[0].unsure_s == 80
    house.clock.passed += 100
    assert kept(house)[0].unsure_s == 0


def test_parts_of_another_modem_or_sim_are_not_listed(house: House) -> None:
    for text in ("one", "two"):
        house.send(text)
    place(house, house.claim(1))
    place(house, house.claim(1), Place("SM", 3))
    restart(house)
    assert len(kept(house)) == 2
    house.up(1, B)
    assert [one.place for one in kept(house)] == [HERE]
    house.say(replace(house.statuses[1], imei="350000000000001"))
    assert kept(house) == ()


def test_a_place_holds_one_part(house: House) -> None:
    for text in ("one", "two"):
        house.send(text)
    place(house, house.claim(1))
    second = house.claim(1)
    place(house, second)
    restart(house)
    assert [one.submission.message_id for one in kept(house)] == [second.message_id]


def test_a_part_sent_directly_after_all_is_in_doubt_after_a_crash(house: House) -> None:
    sms_id = house.send()
    place(house, house.claim(1), None)
    restart(house)
    assert house.view(sms_id).in_doubt
    assert kept(house) == ()


def test_an_emptied_place_is_not_listed_again(house: House) -> None:
    house.send()
    part = house.claim(1)
    place(house, part)
    house.settle(1, part, InDoubt("it does not know", asked=True))
    assert kept(house) == ()


def test_a_late_answer_settles_the_only_part_in_doubt(house: House) -> None:
    sms_id = house.send()
    part = house.claim(1)
    house.settle(1, part, InDoubt("it says nothing"))
    house.gateway.dispatcher.told_late(house.statuses[1], 9)
    assert house.view(sms_id).status is Status.SENT
    assert house.row("SELECT reference FROM parts")[0] == 9


def test_a_late_answer_that_fits_two_parts_settles_none(house: House) -> None:
    sms_ids = [house.send(text) for text in ("one", "two")]
    second = house.settle(1, house.claim(1), InDoubt("it says nothing"))
    assert isinstance(second, Submission)
    house.settle(1, second, InDoubt("it says nothing"))
    house.gateway.dispatcher.told_late(house.statuses[1], 9)
    assert all(house.view(sms_id).in_doubt for sms_id in sms_ids)


def test_a_modem_counts_as_busy_for_the_limit_of_a_submission(house: House) -> None:
    assert house.gateway.dispatcher.busy_s(1) == 0
    house.send()
    house.claim(1)
    house.restart()
    house.up(1, A)
    assert house.gateway.dispatcher.busy_s(1) == 0  # it was still being written
    place(house, house.claim(1))
    house.restart()
    assert house.gateway.dispatcher.busy_s(1) == 180
    house.clock.at += 100_000_000
    assert house.gateway.dispatcher.busy_s(1) == 80
    house.clock.at -= 10**15  # the clock was set back: still no longer than a submission
    assert house.gateway.dispatcher.busy_s(1) == 180
