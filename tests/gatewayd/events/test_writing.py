"""Each event is written with what it tells, once, and shows the message as it was at that moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatewayd.errors import QuotaExceededError
from gatewayd.events.documents import event_document
from gatewayd.messages.documents import message_document
from gatewayd.records import Audience, Draft, Options
from gatewayd.store.tables import accounts
from gatewayd.timekeeping.clock import DAY, SECOND
from modem.errors import Kind
from modem.parts import InDoubt, Submission, Submitted
from modem.sms.gsm7 import Alphabet
from modem.sms.tpdu import Concat, Deliver
from tests.conftest import eventually
from tests.gatewayd.events.reading import BOX, events, types
from tests.gatewayd.played_ports import PlayedGateway, refused, report_on

A, B = "8922301000000000001", "8922301000000000002"
SENT = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path, max_attempts=1, in_doubt_wait_s=3600)
    played.up(1, A)
    yield played
    played.close()


def text(body: str, concat: Concat | None = None) -> Deliver:
    return Deliver("", "+22376000001", body, SENT, concat, Alphabet.UCS2, None, 0, 8)


def receive(played: PlayedGateway, *texts: Deliver) -> None:
    for each in texts:
        played.gateway.dispatcher.received(played.statuses[1], each)


def later(played: PlayedGateway) -> None:
    played.clock.at += SECOND


def test_a_message_has_an_event_for_each_change_with_what_the_status_said_then(played: PlayedGateway) -> None:
    sms_id = played.send()
    assert events(played) == []
    submission = played.claim(1)
    said = []
    for change in (
        lambda: played.settle(1, submission, InDoubt("silence")),
        lambda: report_on(played, 1, 7),
    ):
        later(played)
        change()
        said.append(message_document(played.view(sms_id)))
    doubt, sent, delivered = events(played)
    assert [event.type.value for event in (doubt, sent, delivered)] == [
        "message.in_doubt", "message.sent", "message.delivered",
    ]  # fmt: skip
    assert event_document(doubt)["data"] == said[0] | {"sequence": 1}
    assert said[0]["in_doubt"]
    assert event_document(delivered)["data"] == said[1] | {"sequence": 3}
    data = event_document(sent)["data"]
    assert (data["status"], data["sequence"]) == ("sent", 2)
    assert data["sent_at"] == event_document(sent)["timestamp"]
    assert data["delivered_at"] is None
    assert len({event.id for event in (doubt, sent, delivered)}) == 3


def test_a_failed_message_has_an_event_with_its_reason_also_after_it_was_sent(played: PlayedGateway) -> None:
    refused_id, undelivered_id = played.send("refused"), played.send("undelivered")
    step = played.settle(1, played.claim(1), refused(Kind.RECIPIENT))
    assert isinstance(step, Submission)
    played.settle(1, step, Submitted(9))
    later(played)
    report_on(played, 1, 9, status=0x43)
    failed, sent, undelivered = events(played)
    assert [failed.type.value, sent.type.value, undelivered.type.value] == [
        "message.failed", "message.sent", "message.failed",
    ]  # fmt: skip
    for event, sms_id, sequence in ((failed, refused_id, 1), (undelivered, undelivered_id, 2)):
        expected = message_document(played.view(sms_id)) | {"sequence": sequence}
        assert event_document(event)["data"] == expected
        assert expected["failure_reason"]


def test_an_event_of_a_message_that_moved_on_shows_the_sim_of_that_moment(played: PlayedGateway) -> None:
    sms_id = played.send()
    played.settle(1, played.claim(1), InDoubt("silence"))
    before = events(played)[0]
    assert before.message is not None
    assert before.message.sim_number == played.view(sms_id).sim_number
    played.up(2, B)
    other = played.sim(B)
    played.store.write(
        lambda db: db.execute("UPDATE messages SET sim_id = ? WHERE sms_id = ?", (other, sms_id))
    )
    assert played.view(sms_id).sim_number != before.message.sim_number
    assert events(played)[0] == before


def test_a_cancelled_and_an_expired_message_have_an_event(played: PlayedGateway) -> None:
    cancelled = played.send("cancelled")
    played.gateway.cancel(played.caller, cancelled)
    played.gateway.submit(played.caller, Draft("+22370123456", "expires"), Options(expires_in_s=5), None, 0)
    played.clock.at += 10 * SECOND
    played.gateway._expiry.look()  # noqa: SLF001 - its timer waits in real time
    eventually(lambda: types(played) == ["message.cancelled", "message.failed"])
    assert event_document(events(played)[0])["data"]["status"] == "cancelled"


def test_a_part_that_a_crash_interrupted_is_in_doubt_once(played: PlayedGateway) -> None:
    played.send()
    played.claim(1)
    for _ in range(2):
        played.restart()
        assert types(played) == ["message.in_doubt"]


def test_the_gateways_own_messages_have_no_events(played: PlayedGateway) -> None:
    played.up(2, B)
    round_ = played.gateway.loop_tests.begin()
    for port in (1, 2):
        played.settle(port, played.claim(port), Submitted(1))
    played.gateway.loop_tests.stop()
    assert round_ is not None
    assert played.row("SELECT count(*) FROM events")[0] == 0


def test_a_received_text_is_told_to_the_company_that_owns_the_sim(played: PlayedGateway) -> None:
    receive(played, text("for the box"))
    played.set_sim(A, company_id=played.company)
    receive(played, text("for the company"), text("for the company"))  # the second one is a repetition
    (of_box,), (of_company,) = events(played, BOX), events(played)
    assert of_box.text is not None
    assert of_box.text.text == "for the box"
    data = event_document(of_company)["data"]
    assert (data["message"], data["sender"]) == ("for the company", "+22376000001")
    assert of_company.type.value == "message.received"
    assert not events(played, Audience(played.company + 1))


def test_a_text_that_came_with_holes_is_told_again_when_a_hole_is_filled(played: PlayedGateway) -> None:
    played.set_sim(A, company_id=played.company)
    parts = [text(f"part {seq}.", Concat(9, 8, 3, seq)) for seq in (1, 2, 3)]
    receive(played, parts[0], parts[2])
    assert events(played) == []
    played.clock.at += 2 * DAY
    played.gateway._housekeeping.sweep()  # noqa: SLF001 - it is done every ten minutes
    assert types(played) == ["message.received"]
    receive(played, parts[1])
    first, second = (event.text for event in events(played))
    assert first is not None
    assert second is not None
    assert first.id == second.id
    assert not second.incomplete


def test_thresholds_of_the_quota_are_told_once_a_month(played: PlayedGateway) -> None:
    assert played.store.write(lambda db: accounts.update(db, "companies", played.company, {"quota": 10}))
    for number in range(7):
        played.send(f"{number}")
    assert events(played) == []
    eighth = played.send("eighth")
    played.gateway.cancel(played.caller, eighth)
    played.send("eighth again")
    played.send("ninth")
    assert types(played) == ["quota.threshold", "message.cancelled"]
    played.send("tenth")
    with pytest.raises(QuotaExceededError):
        played.send("too many")
    told = [event.data for event in events(played) if event.type.value == "quota.threshold"]
    assert [(each["threshold"], each["sent_this_month"], each["remaining"]) for each in told] == [
        (80, 8, 2),
        (100, 10, 0),
    ]
    played.clock.at += 40 * DAY
    drafts = [Draft("+22370123456", f"{number}") for number in range(10)]
    played.gateway.submit_bulk(played.caller, drafts, Options(), None)
    assert [event.data["threshold"] for event in events(played)[-2:]] == [80, 100]
