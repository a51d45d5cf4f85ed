"""Messages enter the queue, expire, and are settled by a person."""

from __future__ import annotations

import pytest

from gatewayd.fleet.queue import boxes, cancels, doubts, expiry
from gatewayd.timekeeping.clock import Moment
from tests.fleet.databases import Database
from tests.fleet.queue.boxes_of_a_fleet import AT, CALENDAR, NOW, Fleet, connected

pytestmark = pytest.mark.postgres


def test_an_accepted_message_wakes_the_box_of_its_sim(fleet: Fleet, fleet_database: Database) -> None:
    listener = connected(fleet_database)
    listener.listen("box_2")
    fleet.accept(3, 5)
    assert listener.wait_for_notices(10) == ["box_2"]
    listener.close()


def test_a_message_may_be_accepted_as_started(fleet: Fleet) -> None:
    [message_id] = fleet.accept(1, started_by=fleet.boxes["a"])
    assert fleet.own("a") == {message_id: "started"}
    epoch = fleet.boxes["a"].epoch
    fleet.upload("a", fleet.part(message_id, "submitted", sim_id=1, epoch=epoch))
    assert fleet.state(message_id) == "sent"


@pytest.mark.parametrize("state", ["waiting", "claimed", "started", "partly"])
def test_an_expired_message_ends_until_it_is_started(fleet: Fleet, state: str) -> None:
    if state in ("waiting", "claimed"):
        [message_id] = fleet.accept(1, expires_at=NOW + 1)
    else:
        message_id = fleet.started("a", 1, parts=2, expires_at=NOW + 1)
    if state == "claimed":
        fleet.claim("a", 1)
    if state == "partly":
        fleet.upload("a", fleet.part(message_id, "submitted", sim_id=1, epoch=fleet.boxes["a"].epoch))
        fleet.join("a")
        fleet.execute("UPDATE queue SET state = 'claimed' WHERE message_id = ?", (message_id,))
        fleet.run(lambda db: boxes.settle_rescued(db, AT, CALENDAR))
    assert fleet.run(expiry.next_expiry) == (None if state == "started" else NOW + 1)
    later = Moment(NOW + 2, AT.today, hour=AT.hour)
    assert (
        fleet.run(lambda db: expiry.expire(db, Moment(NOW + 2, AT.today, trusted=False), CALENDAR, 10)) == []
    )
    done = fleet.run(lambda db: expiry.expire(db, later, CALENDAR, 10))
    if state == "started":
        assert done == []
        return
    assert done == [f"sms-{message_id}"]
    message = fleet.message(message_id)
    assert (message["status"], fleet.row(message_id)) == ("failed", None)
    assert ("before all of its parts" in message["failure_reason"]) == (state == "partly")


@pytest.mark.parametrize(("verdict", "state"), [("sent", "sent"), ("failed", "failed"), ("retry", "waiting")])
def test_a_person_settles_a_doubt(fleet: Fleet, verdict: str, state: str) -> None:
    message_id = fleet.started("a", 1)
    fleet.upload("a", fleet.part(message_id, "in_doubt", sim_id=1, epoch=fleet.boxes["a"].epoch))
    changed = fleet.run(lambda db: doubts.settle_by_hand(db, message_id, verdict, AT, CALENDAR))
    assert changed == ([] if verdict == "retry" else [f"sms-{message_id}"])
    assert fleet.state(message_id) == state
    assert fleet.run(lambda db: doubts.settle_by_hand(db, message_id, verdict, AT, CALENDAR)) is None


def test_a_scheduled_message_is_cancelled(fleet: Fleet) -> None:
    with fleet.db.transaction():
        [message_id] = fleet.insert(1, send_at=NOW + 10)
        fleet.db.execute("UPDATE messages SET day = '', sim_id = 0 WHERE id = ?", (message_id,))
    assert fleet.run(lambda db: cancels.cancel(db, [message_id], AT)) == [f"sms-{message_id}"]
    assert fleet.state(message_id) == "cancelled"
