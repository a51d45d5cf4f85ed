"""The journal of a box of a fleet: triggers note what happens to shared messages, and to no others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatewayd.store import Transaction
from gatewayd.store.store import Store
from gatewayd.store.tables import inbound, messages, outcomes, parts, queue_counts, shared_messages
from gatewayd.store.tables.inbound import Nature
from gatewayd.store.tables.outcomes import install_outcomes
from gatewayd.store.tables.shared_messages import NewPart

EPOCH, SIM, NOW = 7, 3, 1_800_000_000_000_000


def message_row(message_id: int, count: int = 1) -> dict[str, Any]:
    """A row of `messages` as the fleet gives it."""
    values: dict[str, Any] = dict.fromkeys(messages.COLUMNS, 0)
    values |= {
        "sms_id": f"sms-{message_id}",
        "recipient": "+22370123456",
        "text": "x",
        "sim_id": SIM,
        "priority": 1,
    }
    values |= {
        "parts": count,
        "unsent": count,
        "undelivered": count,
        "taken_day": "2026-12-01",
        "day": "2026-12-01",
    }
    values |= {"expires_at": None, "campaign_id": None, "reference": None, "send_at": None}
    return {"id": message_id, **values}


class Journal:
    """A store with one shared message and one of the box itself."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def do(self, work: Any) -> Any:
        return self.store.write(work)

    def adopt(self, message_id: int = 1, count: int = 1) -> None:
        self.do(
            lambda db: shared_messages.adopt(db, [message_row(message_id, count)], {message_id: SIM}, EPOCH)
        )

    def start(self, message_id: int = 1, known: tuple[NewPart, ...] = ()) -> int | None:
        by_seq = {part.seq: part for part in known}
        left: int | None = self.do(lambda db: shared_messages.start(db, message_id, SIM, by_seq, EPOCH))
        return left

    def claim(self, seq: int = 1) -> int:
        claim = self.do(lambda db: parts.claim(db, 1, seq, SIM, NOW, 1))
        assert claim is not None
        token: int = claim.token
        return token

    def noted(self) -> list[tuple[str, int | None, Any]]:
        with self.store.readers.lend() as db:
            return [
                (each.kind, each.seq, each.document.get("state") or each.document.get("outcome"))
                for each in outcomes.first_after(db, 0, 100)
            ]

    def state(self, message_id: int = 1) -> str | None:
        with self.store.readers.lend() as db:
            found = shared_messages.find(db, message_id)
        return None if found is None else found[0]

    def waiting(self) -> int:
        count: int = self.do(lambda db: queue_counts.waiting(db).get(SIM, 0))
        return count


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    store = Store(tmp_path / "gatewayd.db", prepare=install_outcomes)
    store.open()
    yield Journal(store)
    store.close()


def test_a_message_has_parts_only_once_it_is_started(journal: Journal) -> None:
    journal.adopt(count=2)
    assert (journal.state(), journal.waiting()) == ("claimed", 0)
    assert journal.start() == 2
    assert (journal.state(), journal.waiting()) == ("started", 2)


def test_parts_that_are_known_as_sent_are_not_queued(journal: Journal) -> None:
    journal.adopt(count=2)
    assert journal.start(known=(NewPart(1, True, 9, NOW, 4, 1),)) == 1
    assert journal.waiting() == 1
    assert journal.noted() == []


def test_each_new_state_of_a_part_is_noted_in_its_transaction(journal: Journal) -> None:
    journal.adopt()
    journal.start()
    token = journal.claim()
    assert journal.noted() == []  # a claim is no outcome
    journal.do(lambda db: parts.submitted(db, 1, 1, token, 9, NOW))
    journal.do(lambda db: parts.delivered(db, 1, 1, NOW))
    assert journal.noted() == [("part", 1, "submitted"), ("part", 1, "delivered")]


def test_a_change_that_is_rolled_back_is_not_noted(journal: Journal) -> None:
    journal.adopt()
    journal.start()
    token = journal.claim()

    def fails(db: Transaction) -> None:
        parts.submitted(db, 1, 1, token, 9, NOW)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        journal.do(fails)
    assert journal.noted() == []


def test_a_part_that_never_reached_the_modem_is_not_told(journal: Journal) -> None:
    journal.adopt()
    journal.start()
    token = journal.claim()
    journal.do(lambda db: parts.never_begun(db, 1, 1, token, NOW))
    assert journal.noted() == []
    assert journal.state() == "started"


def test_a_doubt_takes_the_rest_of_its_message_out_of_the_queue(journal: Journal) -> None:
    journal.adopt(count=3)
    journal.start()
    token = journal.claim()
    assert journal.waiting() == 2
    journal.do(lambda db: parts.in_doubt(db, 1, 1, token, NOW))
    assert (journal.state(), journal.waiting()) == ("out", 0)
    journal.do(lambda db: parts.settle_doubt(db, 1, 1, token, "queued"))
    assert journal.waiting() == 0  # the fleet decides whether it is sent again
    assert journal.noted() == [("part", 1, "in_doubt"), ("part", 1, "queued")]


def test_a_refusal_and_a_failure_are_noted(journal: Journal) -> None:
    journal.adopt()
    journal.start()
    token = journal.claim()
    journal.do(
        lambda db: parts.note_attempt(
            db, 1, 1, token, outcome="refused", cause="CMS 1", reason="no", now=NOW, reason_fr="non"
        )
    )
    journal.do(lambda db: messages.failed(db, 1, "no", NOW))
    assert journal.noted() == [("attempt", 1, "refused"), ("failed", None, None)]
    assert journal.state() == "out"


def test_a_claimed_message_that_expires_here_is_not_told_as_failed(journal: Journal) -> None:
    journal.adopt()
    journal.do(lambda db: messages.failed(db, 1, "expired", NOW))
    assert journal.noted() == []


def test_messages_of_the_box_itself_are_not_noted(journal: Journal) -> None:
    row = message_row(5)
    journal.do(lambda db: messages.insert(db, [[5, *(row[column] for column in messages.COLUMNS)]]))
    journal.do(lambda db: messages.insert_parts(db, [(5, 1, SIM, 0, 1)]))
    claim = journal.do(lambda db: parts.claim(db, 5, 1, SIM, NOW, 1))
    journal.do(lambda db: parts.submitted(db, 5, 1, claim.token, 9, NOW))
    journal.do(lambda db: messages.failed(db, 5, "no", NOW))
    assert journal.noted() == []


def test_a_text_and_what_completes_it_are_noted(journal: Journal) -> None:
    inbox_id = journal.do(
        lambda db: inbound.keep_text(
            db, SIM, "+22376", "a […]", nature=Nature(), sent_at=NOW, now=NOW, incomplete=True
        )
    )
    journal.do(lambda db: inbound.amend_text(db, inbox_id, "a b", sent_at=NOW, incomplete=False))
    journal.do(lambda db: inbound.mark_read(db, inbox_id, read=True))
    with journal.store.readers.lend() as db:
        found = [each.document for each in outcomes.first_after(db, 0, 10)]
    assert [(each["text"], each["amends"]) for each in found] == [("a […]", 0), ("a b", 1)]


def test_a_dropped_message_leaves_nothing_unless_a_part_was_handed_over(journal: Journal) -> None:
    journal.adopt(count=2)
    journal.start()
    journal.do(lambda db: shared_messages.drop(db, [1]))
    assert (journal.state(), journal.waiting()) == (None, 0)
    journal.adopt(count=2)
    journal.start()
    token = journal.claim()
    journal.do(lambda db: parts.submitted(db, 1, 1, token, 9, NOW))
    journal.do(lambda db: shared_messages.drop(db, [1]))
    assert (journal.state(), journal.waiting()) == ("out", 0)
    assert journal.noted() == [("part", 1, "submitted")]


def test_tokens_go_on_where_a_message_comes_back(journal: Journal) -> None:
    journal.adopt()
    journal.start(known=(NewPart(1, False, None, None, 4, 2),))
    assert journal.claim() == 5


def test_a_new_incarnation_keeps_only_what_was_sent_and_what_was_not_told(journal: Journal) -> None:
    journal.do(lambda db: shared_messages.begin_incarnation(db, "first"))
    for message_id in (1, 2):
        journal.adopt(message_id)
        journal.start(message_id)
    token = journal.claim()
    journal.do(lambda db: parts.submitted(db, 1, 1, token, 9, NOW))
    journal.do(lambda db: outcomes.told(db, 1, 1, NOW))
    journal.do(lambda db: parts.delivered(db, 1, 1, NOW))
    journal.do(lambda db: shared_messages.begin_incarnation(db, "second"))
    assert (journal.state(1), journal.state(2), journal.waiting()) == ("out", None, 0)
    assert journal.noted() == [("part", 1, "delivered")]
    with journal.store.readers.lend() as db:
        found = shared_messages.incarnation(db)
    assert found is not None
    assert (found.token, found.acknowledged, found.journal) == ("second", 0, 0)


def test_a_box_has_to_tell_until_its_last_part_has_ended_and_is_told(journal: Journal) -> None:
    def has_to_tell(acknowledged: int) -> bool:
        with journal.store.readers.lend() as db:
            return shared_messages.has_to_tell(db, acknowledged)

    journal.adopt()
    journal.start()
    assert not has_to_tell(0)
    token = journal.claim()
    assert has_to_tell(0)
    journal.do(lambda db: parts.submitted(db, 1, 1, token, 9, NOW))
    with journal.store.readers.lend() as db:
        number = outcomes.last_number(db)
    assert has_to_tell(number - 1)
    assert not has_to_tell(number)


def test_followers_hear_of_outcomes_only(journal: Journal) -> None:
    heard: list[int] = []
    journal.store.follow_outcomes(lambda: heard.append(1))
    journal.adopt()
    journal.start()
    token = journal.claim()
    assert heard == []
    journal.do(lambda db: parts.submitted(db, 1, 1, token, 9, NOW))
    assert heard == [1]


def test_outcomes_are_json_that_the_fleet_can_read(journal: Journal) -> None:
    journal.adopt()
    journal.start()
    token = journal.claim()
    journal.do(lambda db: parts.submitted(db, 1, 1, token, None, NOW))
    with journal.store.readers.lend() as db:
        (found,) = outcomes.first_after(db, 0, 10)
    assert found.epoch == EPOCH
    assert json.loads(json.dumps(found.document)) == {
        "state": "submitted", "sim_id": SIM, "token": token, "port": 1, "reference": None, "attempts": 1,
        "started_at": NOW, "ended_at": NOW, "service_centre_at": None,
    }  # fmt: skip


def test_told_outcomes_are_forgotten_after_a_while_and_those_set_aside_stay(journal: Journal) -> None:
    for number in range(3):
        journal.do(lambda db: outcomes.note(db, "report", {}, NOW))
        journal.do(lambda db, number=number: outcomes.told(db, number + 1, number + 1, NOW + number))
    journal.do(lambda db: outcomes.set_aside(db, 1, "it has no recipient"))
    assert not journal.do(lambda db: outcomes.forget(db, NOW + 2))
    with journal.store.readers.lend() as db:
        assert [each.number for each in outcomes.first_after(db, 0, 10)] == [1, 3]
        assert outcomes.counts(db, 3) == (0, 1)
