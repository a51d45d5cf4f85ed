"""Uploads: what a journal tells is kept once, whatever became of the messages."""

from __future__ import annotations

from typing import Any

import pytest

from gatewayd.fleet.queue import uploads
from gatewayd.fleet.queue.names import Outcome
from gatewayd.store import Transaction
from tests.fleet.databases import Database
from tests.fleet.queue.boxes_of_a_fleet import AT, CALENDAR, NOW, TIMEOUT_S, Fleet, connected

pytestmark = pytest.mark.postgres

SECOND = 1_000_000


class Counting:
    """A connection that counts statements."""

    def __init__(self, db: Any) -> None:
        self.db = db
        self.count = 0

    def execute(self, sql: str, values: Any = ()) -> Any:
        """Run a statement."""
        self.count += 1
        return self.db.execute(sql, values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)


def epoch(fleet: Fleet) -> int:
    """The epoch of box a."""
    return fleet.boxes["a"].epoch


def many_started(fleet: Fleet, count: int) -> list[int]:
    """Messages that box a started."""
    found = fleet.accept(1, count)
    fleet.claim("a", 1)
    fleet.start("a", found)
    return found


def test_a_batch_of_sent_messages_takes_few_statements(fleet: Fleet) -> None:
    found = many_started(fleet, 50)
    outcomes = [
        fleet.part(each, "submitted", sim_id=1, epoch=epoch(fleet), reference=each % 256) for each in found
    ]
    counting = Counting(fleet.db)
    with fleet.db.transaction():
        answer = uploads.upload(
            counting,
            fleet.boxes["a"],
            outcomes,
            at=AT,
            calendar=CALENDAR,
            submit_timeout_s=TIMEOUT_S,
        )
    assert counting.count <= 8
    assert answer.final == set(found)
    assert fleet.usage(1) == (50, 50, 50, 0)
    assert fleet.one("SELECT count(*) FROM events WHERE type = 1") == 50


def test_an_upload_twice_changes_nothing(fleet: Fleet) -> None:
    message_id = fleet.started("a", 1)
    told = fleet.part(message_id, "submitted", sim_id=1, epoch=epoch(fleet))
    first = fleet.upload("a", told)
    again = fleet.upload("a", told)
    assert (again.acknowledged, again.settled) == (first.acknowledged, [])
    assert fleet.events(message_id) == [1]
    assert fleet.usage(1) == (1, 1, 1, 0)


def test_a_bad_outcome_is_set_aside_and_the_others_are_taken(fleet: Fleet) -> None:
    found = many_started(fleet, 5)
    good = [fleet.part(each, "submitted", sim_id=1, epoch=epoch(fleet)) for each in found]
    good[2] = fleet.part(
        found[2], "submitted", sim_id=1, epoch=epoch(fleet), reference=2**70
    )  # PostgreSQL cannot take it
    unread = Outcome(next(fleet.outcomes), NOW, "part", found[2], 1, {"state": "lost"})
    unknown = fleet.other("nonsense", found[3])
    answer = fleet.upload("a", *good, unread, unknown)
    assert {one.number for one in answer.set_aside} == {good[2].number, unread.number, unknown.number}
    assert answer.acknowledged == unknown.number
    assert [fleet.state(each) for each in found] == ["sent", "sent", "started", "sent", "sent"]


def test_what_was_not_sent_after_all_and_what_was_refused_is_history(fleet: Fleet) -> None:
    message_id = fleet.started("a", 1)
    attempt = {"token": 1, "sim_id": 1, "cause": "CMS 38", "refused_at": NOW, "port": 1, "outcome": "refused"}
    fleet.upload(
        "a",
        fleet.part(message_id, "queued", sim_id=1, epoch=epoch(fleet)),
        fleet.other("attempt", message_id, epoch(fleet), 1, **attempt, reason="no", reason_fr="non"),
        fleet.part(message_id, "submitted", sim_id=1, epoch=epoch(fleet), token=2, attempts=2),
    )
    message = fleet.message(message_id)
    assert (message["status"], message["retry_count"]) == ("sent", 1)
    [row] = fleet.execute("SELECT cause, outcome FROM refusals WHERE message_id = ?", (message_id,))
    assert tuple(row) == ("CMS 38", "refused")


def test_a_failure_counts_while_the_box_has_the_message(fleet: Fleet) -> None:
    mine, gone = fleet.started("a", 1), fleet.started("a", 1)
    old = epoch(fleet)
    fleet.execute("UPDATE queue SET epoch = epoch + 1 WHERE message_id = ?", (gone,))
    fleet.upload(
        "a", fleet.other("failed", mine, old, reason="no"), fleet.other("failed", gone, old, reason="no")
    )
    assert (fleet.state(mine), fleet.state(gone)) == ("failed", "started")
    assert (fleet.events(mine), fleet.message(mine)["failure_reason"]) == ([3], "no")
    assert fleet.usage(1) == (1, 1, 0, 1)
    assert fleet.one("SELECT used FROM company_usage") == 1


def test_a_message_that_was_sent_in_part_and_failed_keeps_what_it_took(fleet: Fleet) -> None:
    message_id = fleet.started("a", 1, parts=3)
    fleet.upload(
        "a",
        fleet.part(message_id, "submitted", sim_id=1, epoch=epoch(fleet)),
        fleet.other("failed", message_id, epoch(fleet), reason="no"),
    )
    assert fleet.message(message_id)["unsent"] == 2
    assert fleet.usage(1) == (1, 1, 0, 1)
    assert fleet.one("SELECT used FROM company_usage") == 1
    assert fleet.one("SELECT sum(parts) FROM hourly_counts") == 1


def test_a_message_is_delivered_with_its_last_part(fleet: Fleet) -> None:
    message_id = fleet.started("a", 1, parts=2)
    for seq in (1, 2):
        fleet.upload("a", fleet.part(message_id, "submitted", sim_id=1, epoch=epoch(fleet), seq=seq))
    assert fleet.state(message_id) == "sent"
    fleet.upload("a", fleet.part(message_id, "delivered", sim_id=1, epoch=None, seq=2))
    assert (fleet.state(message_id), fleet.message(message_id)["undelivered"]) == ("sent", 1)
    fleet.upload("a", fleet.part(message_id, "delivered", sim_id=1, epoch=None, seq=1))
    assert fleet.state(message_id) == "delivered"
    assert fleet.events(message_id) == [1, 2]


def test_a_report_that_it_did_not_arrive_makes_a_sent_message_failed(fleet: Fleet) -> None:
    message_id = fleet.started("a", 1)
    fleet.upload("a", fleet.part(message_id, "submitted", sim_id=1, epoch=epoch(fleet)))
    fleet.upload(
        "a",
        fleet.part(message_id, "failed", sim_id=1, epoch=None, service_centre_at=NOW),
        fleet.other("failed", message_id, None, reason="not delivered"),
    )
    assert fleet.state(message_id) == "failed"
    assert fleet.events(message_id) == [1, 3]
    assert fleet.usage(1) == (1, 1, 1, 1)


def test_a_failure_of_a_message_that_another_box_sent_says_nothing(fleet: Fleet) -> None:
    message_id = fleet.started("a", 1)
    fleet.upload("a", fleet.part(message_id, "submitted", sim_id=1, epoch=epoch(fleet)))
    fleet.upload("b", fleet.other("failed", message_id, 1, reason="expired"))
    assert fleet.state(message_id) == "sent"


def test_a_report_through_another_box_finds_its_part(fleet: Fleet) -> None:
    message_id = fleet.started("a", 1)
    fleet.upload("a", fleet.part(message_id, "submitted", sim_id=1, epoch=epoch(fleet), reference=99))
    report: dict[str, Any] = {
        "iccid": "iccid-1",
        "reference": 99,
        "recipient": "+22370000001",
        "service_centre_at": NOW,
        "status": 0,
    }
    fleet.upload(
        "b",
        fleet.other("report", **{**report, "reference": 98}),
        fleet.other("report", **{**report, "recipient": "+22370000002"}),
        fleet.other("report", **{**report, "iccid": "unknown"}),
    )
    assert fleet.state(message_id) == "sent"
    fleet.upload("b", fleet.other("report", **report))
    assert fleet.state(message_id) == "delivered"


def test_a_report_through_another_box_that_tells_a_failure(fleet: Fleet) -> None:
    message_id = fleet.started("a", 1)
    fleet.upload("a", fleet.part(message_id, "submitted", sim_id=1, epoch=epoch(fleet), reference=99))
    fleet.upload(
        "b",
        fleet.other(
            "report",
            iccid="iccid-1",
            reference=99,
            recipient="+22370000001",
            service_centre_at=NOW,
            status=0x43,
        ),
    )
    assert fleet.state(message_id) == "failed"
    assert "TP-ST 0x43" in fleet.message(message_id)["failure_reason"]


def test_a_report_settles_a_doubt_by_its_time(fleet: Fleet) -> None:
    message_id = fleet.started("a", 1)
    fleet.upload("a", fleet.part(message_id, "in_doubt", sim_id=1, epoch=epoch(fleet)))
    assert fleet.state(message_id) == "in_doubt"
    report: dict[str, Any] = {"iccid": "iccid-1", "reference": 5, "recipient": "+22370000001", "status": 0}
    fleet.upload("b", fleet.other("report", **report, service_centre_at=NOW + 3600 * SECOND))
    assert fleet.state(message_id) == "in_doubt"
    fleet.upload("b", fleet.other("report", **report, service_centre_at=NOW + SECOND))
    assert fleet.state(message_id) == "delivered"


def test_a_late_part_of_a_failed_message_is_counted(fleet: Fleet) -> None:
    message_id = fleet.started("a", 1)
    fleet.upload("a", fleet.other("failed", message_id, epoch(fleet), reason="no"))
    fleet.upload("a", fleet.part(message_id, "submitted", sim_id=1, epoch=None))
    message = fleet.message(message_id)
    assert (message["status"], message["unsent"]) == ("failed", 0)
    assert fleet.one("SELECT sum(parts) FROM hourly_counts") == 1


def test_a_text_comes_in_once_and_may_be_amended(fleet: Fleet) -> None:
    fleet.execute("UPDATE sims SET company_id = 1 WHERE id = 1")
    text = {
        "sim_id": 1,
        "sender": "+22371",
        "sent_at": NOW,
        "received_at": NOW,
        "kind": "text",
        "encoding": None,
    }
    text |= {"port_number": None}
    taken: list[int] = []

    def take(db: Transaction, inbox_id: int, at: int) -> None:
        taken.append(inbox_id)

    first, second = (
        {**text, "text": "STOP …", "incomplete": 1},
        {**text, "text": "STOP it", "incomplete": 0, "amends": 1},
    )
    fleet.upload("a", Outcome(1, NOW, "text", None, None, first), text_taken=take)
    fleet.upload("a", Outcome(2, NOW, "text", None, None, second), text_taken=take)
    [row] = fleet.execute("SELECT id, text, incomplete, company_id FROM inbox")
    assert tuple(row) == (taken[0], "STOP it", 0, 1)
    assert taken == [taken[0]] * 2
    assert fleet.one("SELECT count(*) FROM events WHERE inbox_id = ?", taken[0]) == 2


def test_the_box_whose_client_waits_is_woken(fleet: Fleet, fleet_database: Database) -> None:
    message_id = fleet.started("b", 3)
    listener = connected(fleet_database)
    listener.listen("box_1")
    fleet.upload("b", fleet.part(message_id, "submitted", sim_id=3, epoch=fleet.boxes["b"].epoch))
    assert listener.wait_for_notices(10) == ["box_1"]
    listener.close()
