"""The number of a SIM changes: by a command, or by its card; old messages keep the old number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatewayd.admin import sims
from gatewayd.admin.context import Context
from gatewayd.errors import AdminError
from gatewayd.records import InboxFilter, MessageFilter
from gatewayd.sims.numbering import Numbering
from gatewayd.timekeeping.clock import SECOND, Calendar
from modem.errors import Kind
from modem.parts import Submission, Submitted
from modem.sms.gsm7 import Alphabet
from modem.sms.tpdu import Deliver
from tests.gatewayd.played_ports import A, B, PlayedGateway, refused

OLD, NEW, NEWEST = "+22370000001", "+22370999999", "+22376543210"


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path, plan="mali", backoff_s=(0.02,))
    played.up(1, A)
    played.up(2, B)
    yield played
    played.close()


def admin_context(played: PlayedGateway) -> Context:
    calendar = Calendar(played.settings.numbers.zone)
    return Context(played.store, played.clock, calendar, Numbering(played.settings.numbers), played.gateway)


def set_number(played: PlayedGateway, iccid: str, number: str | None) -> dict[str, object]:
    played.clock.at += SECOND
    sim = sims.set_(admin_context(played), played.sim(iccid), {"number": number})
    played.clock.at += SECOND
    return sim


def sent_message(played: PlayedGateway, iccid: str = A, port: int = 1) -> str:
    sms_id = played.send(sim=played.sim(iccid))
    played.settle(port, played.claim(port), Submitted(7))
    return sms_id


def receive_text(played: PlayedGateway, text: str) -> None:
    now = datetime.fromtimestamp(played.clock.at // SECOND, UTC)
    pdu = Deliver("", "+22376000001", text, now, None, Alphabet.GSM7, None, 0, 0)
    played.gateway.dispatcher.received(played.statuses[1], pdu)


def numbers(played: PlayedGateway, *sms_ids: str) -> list[str]:
    """The numbers shown for messages and for their attempts, which must agree."""
    shown_numbers = []
    for sms_id in sms_ids:
        view, attempts = played.gateway.history(played.caller, sms_id)
        assert {attempt.sim_number for attempt in attempts} <= {view.sim_number}
        shown_numbers.append(view.sim_number)
    return shown_numbers


def test_a_changed_number_leaves_the_history_as_it_was(played: PlayedGateway) -> None:
    first = sent_message(played)
    receive_text(played, "before")
    set_number(played, A, NEW)
    second = sent_message(played)
    receive_text(played, "after")
    set_number(played, A, NEWEST)
    assert numbers(played, first, second, sent_message(played)) == [OLD, NEW, NEWEST]
    listed, _ = played.gateway.messages(played.caller, MessageFilter())
    assert [view.sim_number for view in listed] == [NEWEST, NEW, OLD]
    texts, _ = played.gateway.inbox(replace(played.caller, admin=True), InboxFilter(limit=10))
    assert [(text.text, text.sim_number) for text in texts] == [("after", NEW), ("before", OLD)]
    played.restart()
    assert numbers(played, first, second) == [OLD, NEW]


def test_another_number_on_the_card_leaves_the_history_as_it_was(played: PlayedGateway) -> None:
    first = sent_message(played)
    status = played.statuses[1]
    slot = replace(status.slots[0], number="76543210")
    played.set_status(replace(status, slots=(slot,)))
    assert numbers(played, first, sent_message(played)) == [OLD, NEWEST]


def test_a_removed_number_leaves_the_history_as_it_was(played: PlayedGateway) -> None:
    set_number(played, A, NEW)
    first = sent_message(played)
    set_number(played, A, None)
    assert numbers(played, first, sent_message(played)) == [NEW, OLD]


def test_a_waiting_message_has_the_number_from_which_it_is_sent(
    played: PlayedGateway,
) -> None:
    waits = played.send(sim=played.sim(A))
    set_number(played, A, NEW)
    assert numbers(played, waits) == [NEW]
    played.settle(1, played.claim(1), Submitted(7))
    assert numbers(played, waits) == [NEW]
    set_number(played, A, NEWEST)
    assert numbers(played, waits) == [NEW]


def test_failed_and_cancelled_messages_keep_their_number(played: PlayedGateway) -> None:
    failed = played.send(sim=played.sim(A))
    submission: Submission = played.claim(1)
    played.settle(1, submission, refused(Kind.RECIPIENT))
    cancelled = played.send(sim=played.sim(A))
    played.gateway.cancel(played.caller, cancelled)
    set_number(played, A, NEW)
    assert numbers(played, failed, cancelled) == [OLD, OLD]


def test_another_sims_number_changes_nothing(played: PlayedGateway) -> None:
    first = sent_message(played)
    set_number(played, B, NEW)
    set_number(played, A, OLD)  # the same number
    assert numbers(played, first) == [OLD]
    assert played.row("SELECT count(*) FROM former_numbers WHERE sim_id = ?", played.sim(A))[0] == 0


def test_a_number_of_another_sim_is_reported(played: PlayedGateway) -> None:
    assert "notes" not in set_number(played, A, "70 99 99 99")
    sim = set_number(played, B, "+223 70-99-99-99")
    assert sim["number"] == NEW
    assert f"has the same number as SIM {played.sim(A)}" in str(sim["notes"])
    assert "notes" not in set_number(played, B, "70000002")


def test_a_number_on_another_card_is_reported_too(played: PlayedGateway) -> None:
    assert f"has the same number as SIM {played.sim(B)}" in str(set_number(played, A, "70000002")["notes"])


@pytest.mark.parametrize("number", ["", "12", "twelve", "+", "+0022370000001x", "7" * 20])
def test_an_invalid_number_is_not_set(played: PlayedGateway, number: str) -> None:
    with pytest.raises(AdminError, match="country code"):
        set_number(played, A, number)
