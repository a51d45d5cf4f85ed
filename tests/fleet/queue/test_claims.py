"""Which messages a box claims, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from gatewayd.fleet.queue import claims, picks, releases
from gatewayd.fleet.queue.lanes import Lanes
from gatewayd.fleet.queue.names import ClaimedMessage, ListedRow, Want
from gatewayd.timekeeping.clock import Moment
from tests.fleet.databases import Database
from tests.fleet.queue.boxes_of_a_fleet import AT, CALENDAR, NOW, Fleet, connected

pytestmark = pytest.mark.postgres


def ids(found: list[ClaimedMessage]) -> list[int]:
    """The ids of claimed messages."""
    return [one.message_id for one in found]


def test_the_highest_priority_comes_first_then_companies_in_turn(fleet: Fleet) -> None:
    fleet.execute("INSERT INTO companies (id, name, created_at) VALUES (2, 'Two', 0)")
    bulk = fleet.accept(1, 1, priority=2)
    first = fleet.accept(1, 3)
    second = fleet.accept(1, 2, company_id=2)
    code = fleet.accept(1, 1, priority=0)
    claimed: list[int] = []
    lanes = Lanes(lambda: 0.0)
    for _ in range(7):
        found = fleet.run(
            lambda db: claims.claim(
                db, fleet.boxes["a"], [Want(1, 1)], lanes=lanes, closed=frozenset(), at=AT, calendar=CALENDAR
            )
        )
        claimed += ids(found)
    assert claimed == [code[0], first[0], second[0], first[1], second[1], first[2], bulk[0]]


def test_a_claim_takes_no_more_than_is_wanted(fleet: Fleet) -> None:
    mine, other = fleet.accept(1, 5), fleet.accept(2, 5)
    assert ids(fleet.claim("a", Want(1, 2), Want(2, 3))) == [*mine[:2], *other[:3]]


def test_messages_of_a_sim_that_cannot_send_go_to_another_with_their_reservation(fleet: Fleet) -> None:
    fleet.execute("UPDATE sims SET cost = 0.2 WHERE id = 3")
    [message_id] = fleet.accept(1)
    fleet.place(1, registered=0)
    [claimed] = fleet.claim("b", Want(3, 1, helps=False))
    assert (claimed.sim_id, claimed.row["sim_id"], claimed.row["cost"]) == (3, 3, 0.2)
    assert fleet.usage(1)[:2] == (0, 0)
    assert fleet.usage(3)[:2] == (1, 1)
    assert fleet.one("SELECT sim_id FROM parts WHERE message_id = ?", message_id) == 3


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE boxes SET alive = 0 WHERE name = 'a'",
        "UPDATE boxes SET state = 'left' WHERE name = 'a'",
        "DELETE FROM sim_places WHERE sim_id = 1",
        "UPDATE sims SET enabled = 0 WHERE id = 1",
        "UPDATE sim_places SET rests_s = 30 WHERE sim_id = 1",
        "UPDATE sim_places SET up = 0 WHERE sim_id = 1",
        "UPDATE sim_places SET dead = 1 WHERE sim_id = 1",
    ],
)
def test_a_sim_that_cannot_send_is_known(fleet: Fleet, change: str) -> None:
    [message_id] = fleet.accept(1)
    [pinned] = fleet.accept(1, pinned=1)
    assert fleet.claim("b", Want(3, 5, helps=False)) == []
    fleet.execute(change)
    assert ids(fleet.claim("b", Want(3, 5, helps=False))) == [message_id]
    assert fleet.state(pinned) == "waiting"


def test_an_idle_sim_helps_with_half_of_a_longer_queue(fleet: Fleet) -> None:
    found = fleet.accept(1, 6)
    assert ids(fleet.claim("b", 3)) == found[:3]


def test_it_does_not_take_the_only_message_of_a_free_sim(fleet: Fleet) -> None:
    [message_id] = fleet.accept(1)
    assert fleet.claim("b", 3) == []
    fleet.place(1, busy=1)
    assert ids(fleet.claim("b", 3)) == [message_id]


def test_the_sim_of_a_company_takes_only_its_messages(fleet: Fleet) -> None:
    fleet.execute("UPDATE sims SET company_id = 2 WHERE id = 3")
    fleet.place(1, up=0)
    fleet.accept(1)
    [theirs] = fleet.accept(1, company_id=2)
    assert ids(fleet.claim("b", 3)) == [theirs]


def test_limits_of_a_sim_hold_for_what_it_takes_from_others(fleet: Fleet) -> None:
    fleet.execute("UPDATE sims SET daily_limit = 2 WHERE id = 3")
    fleet.place(1, up=0)
    found = fleet.accept(1, 5)
    assert ids(fleet.claim("b", 3)) == found[:2]
    assert fleet.claim("b", 3) == []


def test_recipients_of_a_sim_are_limited(fleet: Fleet) -> None:
    fleet.execute("UPDATE sims SET daily_recipients = 1 WHERE id = 3")
    fleet.place(1, up=0)
    one = fleet.accept(1, 2, recipient="+22370000001")
    fleet.accept(1, 1, recipient="+22370000002")
    assert ids(fleet.claim("b", 3)) == one
    assert (
        fleet.one("SELECT recipients FROM sim_recipient_counts WHERE sim_id = 3 AND period = ?", AT.today)
        == 1
    )


def refused_by_its_sim(fleet: Fleet, **values: Any) -> int:
    """A message that SIM 1 refused, and that waits again; its id."""
    message_id = fleet.started("a", 1, **values)
    epoch = fleet.boxes["a"].epoch
    attempt = {"token": 1, "sim_id": 1, "cause": "CMS 38", "refused_at": NOW, "port": 1, "outcome": "refused"}
    fleet.upload(
        "a",
        fleet.part(message_id, "queued", sim_id=1, epoch=epoch),
        fleet.other("attempt", message_id, epoch, 1, **attempt, reason="no", reason_fr="non"),
    )
    assert fleet.message(message_id)["failure_reason"] == "no / non"
    row = fleet.row(message_id)
    assert row is not None
    listed = ListedRow(message_id, row["state"], row["epoch"])
    assert fleet.run(lambda db: releases.release(db, fleet.boxes["a"], [listed], AT, CALENDAR)) == {
        message_id
    }
    return message_id


def test_a_sim_that_refused_a_message_does_not_get_it_again_but_others_do(fleet: Fleet) -> None:
    message_id = refused_by_its_sim(fleet)
    assert fleet.claim("a", Want(1, 5)) == []
    assert ids(fleet.claim("b", Want(3, 5, helps=False))) == [message_id]


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(
            "UPDATE sim_places SET registered = 0 WHERE sim_id <> 1", id="the others have no network"
        ),
        pytest.param("UPDATE sims SET enabled = 0 WHERE id <> 1", id="the others are disabled"),
        pytest.param("UPDATE sims SET company_id = 2 WHERE id <> 1", id="the others are for another company"),
        pytest.param(
            "INSERT INTO refusals SELECT message_id, seq, token + s.id, s.id, cause, refused_at, r.port, outcome, reason, reason_fr"
            " FROM refusals r CROSS JOIN sims s WHERE s.id <> 1",
            id="the others refused it too",
        ),
    ],
)
def test_a_sim_that_refused_a_message_gets_it_again_where_no_other_can_send_it(
    fleet: Fleet, statement: str
) -> None:
    message_id = refused_by_its_sim(fleet)
    fleet.execute(statement)
    assert ids(fleet.claim("a", Want(1, 5))) == [message_id]


def test_a_sim_gets_a_message_again_that_must_go_through_it(fleet: Fleet) -> None:
    message_id = refused_by_its_sim(fleet, pinned=1)
    assert ids(fleet.claim("a", Want(1, 5))) == [message_id]


def test_a_message_whose_recipient_opted_out_ends(fleet: Fleet) -> None:
    [stopped] = fleet.accept(1, stoppable=1)
    [other] = fleet.accept(1)
    fleet.execute(
        "INSERT INTO opt_outs (company_id, recipient, opted_out_at, source) VALUES (1, '+22370000001', 0, 'api')"
    )
    assert ids(fleet.claim("a", 1)) == [other]
    assert fleet.state(stopped) == "failed"
    assert fleet.usage(1) == (1, 1, 0, 1)
    assert fleet.one("SELECT used FROM company_usage") == 1


def test_closed_companies_and_expired_messages_wait(fleet: Fleet) -> None:
    [bulk] = fleet.accept(1, priority=2)
    [transactional] = fleet.accept(1, priority=2, transactional=1)
    [expired] = fleet.accept(1, expires_at=NOW - 1)
    assert ids(fleet.claim("a", 1, closed=frozenset({1}))) == [transactional]
    assert ids(fleet.claim("a", 1, at=Moment(NOW, AT.today, trusted=False, hour=AT.hour))) == [bulk, expired]


def test_what_another_claim_holds_is_passed_over(fleet: Fleet, fleet_database: Database) -> None:
    found = fleet.accept(1, 4)
    other = connected(fleet_database)
    with other.transaction():
        held = picks.in_lanes(other, [(1, 0, 1)], Lanes(lambda: 0.0), picks.Terms(NOW, (), None))
        assert [one.message_id for one in held] == found[:1]
        assert ids(fleet.claim("a", Want(1, 4))) == found[1:]
    other.close()


def test_a_remembered_lane_finds_new_and_returned_messages(fleet: Fleet) -> None:
    time = [0.0]
    lanes = Lanes(lambda: time[0])

    def claim() -> list[int]:
        return ids(
            fleet.run(
                lambda db: claims.claim(
                    db,
                    fleet.boxes["a"],
                    [Want(1, 2)],
                    lanes=lanes,
                    closed=frozenset(),
                    at=AT,
                    calendar=CALENDAR,
                )
            )
        )

    found = fleet.accept(1, 4)
    assert claim() == found[:2]
    for _ in range(3):
        time[0] += 11
        lanes.pass_time()
    assert lanes.known([1])[0][1] == found[1]
    fleet.execute(
        "UPDATE queue SET state = 'waiting', box = NULL, epoch = NULL, returned = 1 WHERE message_id = ?",
        (found[0],),
    )
    assert claim() == [found[0], found[2]]
    [code] = fleet.accept(1, priority=0)
    assert claim() == [found[3], code]
