"""The number of a SIM: set by hand, told by its card, changed, and shown for what it carried before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatewayd.admin import sims
from gatewayd.admin.context import Context
from gatewayd.errors import AdminError
from gatewayd.records import MessageFilter
from gatewayd.sims.numbering import Numbering
from gatewayd.timekeeping.clock import SECOND, Calendar
from modem.errors import Kind
from modem.parts import Submission, Submitted
from modem.sms.gsm7 import Alphabet
from modem.sms.tpdu import Deliver
from tests.gatewayd.played_ports import House, refused

A, B = "8922301000000000001", "8922301000000000002"
OLD, NEW, NEWEST = "+22370000001", "+22370999999", "+22376543210"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, plan="mali", backoff_s=(0.02,))
    house.up(1, A)
    house.up(2, B)
    yield house
    house.close()


def office(house: House) -> Context:
    calendar = Calendar(house.settings.numbers.zone)
    return Context(house.store, house.clock, calendar, Numbering(house.settings.numbers), house.gateway)


def set_number(house: House, iccid: str, number: str | None) -> dict[str, object]:
    house.clock.at += SECOND
    shown = sims.set_(office(house), house.sim(iccid), {"number": number})
    house.clock.at += SECOND
    return shown


def sent(house: House, iccid: str = A, port: int = 1) -> str:
    sms_id = house.send(sim=house.sim(iccid))
    house.settle(port, house.claim(port), Submitted(7))
    return sms_id


def received(house: House, text: str) -> None:
    now = datetime.fromtimestamp(house.clock.at // SECOND, UTC)
    told = Deliver("", "+22376000001", text, now, None, Alphabet.GSM7, None, 0, 0)
    house.gateway.dispatcher.received(house.statuses[1], told)


def numbers(house: House, *sms_ids: str) -> list[str]:
    """What is shown for messages and for each attempt at them, which must agree."""
    shown = []
    for sms_id in sms_ids:
        view, tried = house.gateway.history(house.caller, sms_id)
        assert {one.sim_number for one in tried} <= {view.sim_number}
        shown.append(view.sim_number)
    return shown


def test_a_changed_number_leaves_the_history_as_it_was(house: House) -> None:
    first = sent(house)
    received(house, "before")
    set_number(house, A, NEW)
    second = sent(house)
    received(house, "after")
    set_number(house, A, NEWEST)
    assert numbers(house, first, second, sent(house)) == [OLD, NEW, NEWEST]
    listed, _ = house.gateway.messages(house.caller, MessageFilter())
    assert [view.sim_number for view in listed] == [NEWEST, NEW, OLD]
    texts, _ = house.gateway.inbox(replace(house.caller, admin=True), 10, None)
    assert [(text.text, text.sim_number) for text in texts] == [("after", NEW), ("before", OLD)]
    house.restart()
    assert numbers(house, first, second) == [OLD, NEW]


def test_a_card_that_tells_another_number_leaves_the_history_as_it_was(house: House) -> None:
    first = sent(house)
    status = house.statuses[1]
    slot = replace(status.slots[0], number="76543210")
    house.say(replace(status, slots=(slot,)))
    assert numbers(house, first, sent(house)) == [OLD, NEWEST]


def test_a_number_that_is_taken_back_leaves_the_history_as_it_was(house: House) -> None:
    set_number(house, A, NEW)
    first = sent(house)
    set_number(house, A, None)
    assert numbers(house, first, sent(house)) == [NEW, OLD]


def test_what_waits_while_the_number_changes_is_shown_with_the_one_it_goes_out_from(house: House) -> None:
    waits = house.send(sim=house.sim(A))
    set_number(house, A, NEW)
    assert numbers(house, waits) == [NEW]
    house.settle(1, house.claim(1), Submitted(7))
    assert numbers(house, waits) == [NEW]
    set_number(house, A, NEWEST)
    assert numbers(house, waits) == [NEW]


def test_what_failed_or_was_cancelled_keeps_its_number(house: House) -> None:
    failed = house.send(sim=house.sim(A))
    submission: Submission = house.claim(1)
    house.settle(1, submission, refused(Kind.RECIPIENT))
    cancelled = house.send(sim=house.sim(A))
    house.gateway.cancel(house.caller, cancelled)
    set_number(house, A, NEW)
    assert numbers(house, failed, cancelled) == [OLD, OLD]


def test_another_sims_number_changes_nothing(house: House) -> None:
    first = sent(house)
    set_number(house, B, NEW)
    set_number(house, A, OLD)  # as it was
    assert numbers(house, first) == [OLD]
    assert house.row("SELECT count(*) FROM former_numbers WHERE sim_id = ?", house.sim(A))[0] == 0


def test_a_number_that_another_sim_has_gets_a_word(house: House) -> None:
    assert "notes" not in set_number(house, A, "70 99 99 99")
    told = set_number(house, B, "+223 70-99-99-99")
    assert told["number"] == NEW
    assert f"has the same number as SIM {house.sim(A)}" in str(told["notes"])
    assert "notes" not in set_number(house, B, "70000002")


def test_a_number_that_a_card_tells_of_another_sim_gets_a_word_too(house: House) -> None:
    assert f"has the same number as SIM {house.sim(B)}" in str(set_number(house, A, "70000002")["notes"])


@pytest.mark.parametrize("number", ["", "12", "twelve", "+", "+0022370000001x", "7" * 20])
def test_what_is_no_number_is_not_set(house: House, number: str) -> None:
    with pytest.raises(AdminError, match="country code"):
        set_number(house, A, number)
