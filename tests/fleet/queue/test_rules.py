"""The rules of the protocol, one by one, each with the statements that it binds."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from gatewayd.fleet.queue import acceptance, boxes, cancels, doubts, releases, starts
from gatewayd.fleet.queue.names import Box, BoxRow, EpochOldError, FleetSeen, ListedRow, Seen
from gatewayd.fleet.setup import members
from gatewayd.records import EventType
from gatewayd.store.tables import event_eras
from gatewayd.store.tables.events import code_of
from tests.conftest import eventually
from tests.fleet.databases import Database
from tests.fleet.queue.boxes_of_a_fleet import AT, CALENDAR, Fleet, connected

pytestmark = pytest.mark.postgres

REFERENCE = 7


def listed(fleet: Fleet, message_id: int) -> ListedRow:
    """The row of a message as its box would list it."""
    row = fleet.row(message_id)
    assert row is not None
    return ListedRow(message_id, row["state"], row["epoch"])


def release(fleet: Fleet, name: str, row: ListedRow) -> set[int]:
    """Release one row."""
    return fleet.run(lambda db: releases.release(db, fleet.boxes[name], [row], AT, CALENDAR))


def stamp(fleet: Fleet, name: str, row: ListedRow) -> dict[int, Any]:
    """Stamp one row."""
    return fleet.run(lambda db: starts.stamp(db, fleet.boxes[name], [row]))


def see(fleet: Fleet, *changed: BoxRow) -> FleetSeen:
    """The boxes as box `a` sees them, with these changes; at another server."""
    found = fleet.run(lambda db: boxes.look(db, fleet.boxes["a"], beat=False))
    assert found is not None
    rows = {row.name: row for row in (*found.boxes, *changed)}
    return FleetSeen("that of before", {row.name: row.given for row in rows.values()}, rows)


def rescue(fleet: Fleet, name: str, *, doubt: bool = False) -> None:
    """Find a box dead, and do what follows at once."""
    [(epoch, beat)] = fleet.execute("SELECT epoch, beat FROM boxes WHERE name = ?", (name,))
    assert fleet.run(lambda db: boxes.rescue(db, name, epoch, beat))
    fleet.run(lambda db: boxes.settle_rescued(db, AT, CALENDAR))
    if doubt:
        fleet.run(lambda db: boxes.doubt_rescued(db, name, epoch + 1, beat, AT, CALENDAR))


# Rule 1: a new epoch


def test_a_late_release_does_not_free_a_row_that_was_stamped(fleet: Fleet) -> None:
    message_id = fleet.started("a", 1)
    late = listed(fleet, message_id)
    fleet.join("a")
    assert list(stamp(fleet, "a", late)) == [message_id]
    assert release(fleet, "a", late) == set()
    assert fleet.state(message_id) == "started"


def test_a_stamp_needs_the_row_as_it_was_listed(fleet: Fleet) -> None:
    message_id = fleet.started("a", 1)
    row = listed(fleet, message_id)
    fleet.join("a")
    assert stamp(fleet, "a", ListedRow(message_id, "claimed", row.epoch)) == {}
    assert stamp(fleet, "a", ListedRow(message_id, "started", row.epoch - 1)) == {}
    assert stamp(fleet, "b", row) == {}
    [stamped] = stamp(fleet, "a", row).values()
    assert (stamped.state, stamped.sim_id) == ("started", 1)


# Rule 2: the epoch of the box


@pytest.mark.parametrize("what", ["claim", "start", "stamp", "accept"])
def test_an_old_epoch_can_do_nothing(fleet: Fleet, what: str) -> None:
    [message_id] = fleet.accept(1)
    if what in ("start", "stamp"):
        fleet.claim("a", 1)
    before = fleet.row(message_id)
    old = fleet.boxes["a"]
    fleet.join("a")
    fleet.boxes["a"] = old
    asked: dict[str, Callable[[], object]] = {
        "claim": lambda: fleet.claim("a", 1),
        "start": lambda: fleet.start("a", [message_id]),
        "stamp": lambda: stamp(fleet, "a", ListedRow(message_id, "claimed", old.epoch)),
        "accept": lambda: fleet.accept(1, started_by=old),
    }
    with pytest.raises(EpochOldError):
        asked[what]()
    assert fleet.row(message_id) == before


def test_a_new_epoch_waits_for_what_is_under_way_under_the_old_one(
    fleet: Fleet, fleet_database: Database
) -> None:
    fleet.accept(1)
    other = connected(fleet_database)
    with ThreadPoolExecutor(1) as threads, fleet.db.transaction():
        boxes.require(fleet.db, fleet.boxes["a"])

        def rescued() -> bool:
            with other.transaction():
                return boxes.rescue(other, "a", epoch, beat)

        [(epoch, beat)] = fleet.db.execute("SELECT epoch, beat FROM boxes WHERE name = 'a'").fetchall()
        waiting: Future[bool] = threads.submit(rescued)
        eventually(lambda: fleet.db.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchall())
        assert not waiting.done()
        fleet.db.execute(
            "UPDATE boxes SET acknowledged = 5 WHERE name = 'a'"
        )  # neither a beat nor an upload waits
        fleet.db.run_script("COMMIT; BEGIN")
        assert waiting.result(10)
    other.close()


def test_a_beat_waits_for_no_claim(fleet: Fleet, fleet_database: Database) -> None:
    other = connected(fleet_database)
    with other.transaction():
        boxes.require(other, fleet.boxes["a"])
        assert fleet.run(lambda db: boxes.look(db, fleet.boxes["a"], beat=True)) is not None
    other.close()


def test_claimed_rows_of_an_old_epoch_are_rescued_by_anybody(fleet: Fleet) -> None:
    [message_id] = fleet.accept(1)
    fleet.claim("a", 1)
    fleet.join("a")
    assert fleet.run(lambda db: boxes.settle_rescued(db, AT, CALENDAR)) == 1
    assert fleet.state(message_id) == "waiting"


def test_a_start_needs_the_claim_of_this_box_under_this_epoch(fleet: Fleet) -> None:
    [message_id] = fleet.accept(1)
    fleet.claim("a", 1)
    assert fleet.start("b", [message_id]) == {}
    fleet.join("a")
    assert fleet.start("a", [message_id]) == {}
    assert fleet.state(message_id) == "claimed"


# Rule 3: known as sent


@pytest.mark.parametrize("state", ["waiting", "claimed", "in_doubt"])
def test_what_one_sim_sent_is_sent_whatever_became_of_it(fleet: Fleet, state: str) -> None:
    message_id = fleet.started("a", 1)
    epoch = fleet.boxes["a"].epoch
    rescue(fleet, "a", doubt=True)
    if state != "in_doubt":
        [doubt] = fleet.run(doubts.open_doubts)
        fleet.run(lambda db: doubts.decide(db, [doubt], "retry", max_attempts=5, at=AT, calendar=CALENDAR))
    if state == "claimed":
        [claimed] = fleet.claim("b", 3)
        assert claimed.message_id == message_id
        assert fleet.usage(3)[:2] == (1, 1)
    assert fleet.state(message_id) == state
    fleet.upload("a", fleet.part(message_id, "submitted", sim_id=1, epoch=epoch))
    assert fleet.state(message_id) == "sent"
    assert fleet.message(message_id)["sim_id"] == 1
    assert fleet.usage(1) == (1, 1, 1, 0)
    assert fleet.usage(3) == ((0, 0, 0, 0))


def test_a_claimed_row_of_which_another_sim_sent_a_part_goes_back_and_is_bound(fleet: Fleet) -> None:
    message_id = fleet.started("a", 1, parts=2)
    epoch = fleet.boxes["a"].epoch
    fleet.upload("a", fleet.part(message_id, "in_doubt", sim_id=1, epoch=epoch))
    [doubt] = fleet.run(doubts.open_doubts)
    fleet.run(lambda db: doubts.decide(db, [doubt], "retry", max_attempts=5, at=AT, calendar=CALENDAR))
    fleet.place(1, up=0)
    assert [one.message_id for one in fleet.claim("b", 3)] == [message_id]
    fleet.upload("a", fleet.part(message_id, "submitted", sim_id=1, epoch=None))
    row = fleet.row(message_id)
    assert row is not None
    assert (row["state"], row["bound_sim"], row["sim_id"]) == ("waiting", 1, 1)
    assert fleet.claim("b", 3) == []
    [claimed] = fleet.claim("a", 1)
    assert claimed.bound
    [started] = fleet.start("a", [message_id]).values()
    assert [(part.seq, part.sent, part.reference) for part in started.parts] == [
        (1, True, REFERENCE),
        (2, False, None),
    ]


def test_parts_of_two_sims_do_not_make_a_message_sent(fleet: Fleet) -> None:
    message_id = fleet.started("a", 1, parts=2)
    epoch = fleet.boxes["a"].epoch
    rescue(fleet, "a", doubt=True)
    fleet.upload("a", fleet.part(message_id, "submitted", sim_id=1, epoch=epoch))
    fleet.upload("b", fleet.part(message_id, "submitted", sim_id=3, epoch=None, seq=2))
    assert fleet.state(message_id) == "in_doubt"


# Rule 4: cancel


@pytest.mark.parametrize("state", ["waiting", "claimed", "started", "retried", "begun"])
def test_a_cancel_succeeds_until_the_start(fleet: Fleet, state: str) -> None:
    if state in ("waiting", "claimed"):
        [message_id] = fleet.accept(1)
        if state == "claimed":
            fleet.claim("a", 1)
    else:
        message_id = fleet.started("a", 1, parts=2 if state == "begun" else 1)
    epoch = fleet.boxes["a"].epoch
    if state == "retried":
        fleet.upload("a", fleet.part(message_id, "in_doubt", sim_id=1, epoch=epoch))
        [doubt] = fleet.run(doubts.open_doubts)
        fleet.run(lambda db: doubts.decide(db, [doubt], "retry", max_attempts=5, at=AT, calendar=CALENDAR))
    if state == "begun":
        fleet.upload("a", fleet.part(message_id, "submitted", sim_id=1, epoch=epoch))
        release(fleet, "a", listed(fleet, message_id))
    done = fleet.run(lambda db: cancels.cancel(db, [message_id], AT))
    if state in ("waiting", "claimed"):
        assert done == [f"sms-{message_id}"]
        assert (fleet.state(message_id), fleet.events(message_id)) == ("cancelled", [4])
        assert fleet.usage(1)[:2] == (0, 0)
        assert fleet.one("SELECT used FROM company_usage") == 0
    else:
        assert done == []
        assert fleet.row(message_id) is not None


def test_a_start_after_a_cancel_has_lost(fleet: Fleet) -> None:
    [message_id] = fleet.accept(1)
    fleet.claim("a", 1)
    fleet.run(lambda db: cancels.cancel(db, [message_id], AT))
    assert fleet.start("a", [message_id]) == {}


# Rule 5: blind doubts


@pytest.mark.parametrize(
    ("parts", "told", "again"), [(1, False, True), (1, True, True), (2, False, False), (2, True, True)]
)
def test_only_a_told_doubt_of_several_parts_is_retried(
    fleet: Fleet, parts: int, told: bool, again: bool
) -> None:
    message_id = fleet.started("a", 1, parts=parts)
    if told:
        fleet.upload("a", fleet.part(message_id, "in_doubt", sim_id=1, epoch=fleet.boxes["a"].epoch))
    else:
        rescue(fleet, "a", doubt=True)
    assert fleet.events(message_id) == [5]
    [doubt] = fleet.run(doubts.open_doubts)
    assert doubt.told is told
    decided = fleet.run(
        lambda db: doubts.decide(db, [doubt], "retry", max_attempts=5, at=AT, calendar=CALENDAR)
    )
    assert (decided.retried, decided.held) == (
        (frozenset({message_id}), frozenset()) if again else (frozenset(), frozenset({message_id}))
    )
    assert fleet.state(message_id) == ("waiting" if again else "in_doubt")


def test_a_doubt_of_the_second_part_is_held(fleet: Fleet) -> None:
    message_id = fleet.started("a", 1, parts=2)
    epoch = fleet.boxes["a"].epoch
    fleet.upload("a", fleet.part(message_id, "submitted", sim_id=1, epoch=epoch))
    fleet.upload("a", fleet.part(message_id, "in_doubt", sim_id=1, epoch=epoch, seq=2))
    [doubt] = fleet.run(doubts.open_doubts)
    decided = fleet.run(
        lambda db: doubts.decide(db, [doubt], "retry", max_attempts=5, at=AT, calendar=CALENDAR)
    )
    assert decided.held == {message_id}


def test_a_doubt_that_changed_since_it_was_seen_is_left_alone(fleet: Fleet) -> None:
    message_id = fleet.started("a", 1)
    rescue(fleet, "a", doubt=True)
    [doubt] = fleet.run(doubts.open_doubts)
    old = fleet.boxes["a"].epoch
    fleet.upload("a", fleet.part(message_id, "in_doubt", sim_id=1, epoch=old))
    decided = fleet.run(
        lambda db: doubts.decide(db, [doubt], "fail", max_attempts=5, at=AT, calendar=CALENDAR)
    )
    assert not decided.failed
    assert fleet.state(message_id) == "in_doubt"


@pytest.mark.parametrize("policy", ["fail", "hold"])
def test_the_other_policies_decide_as_they_say(fleet: Fleet, policy: str) -> None:
    message_id = fleet.started("a", 1)
    rescue(fleet, "a", doubt=True)
    [doubt] = fleet.run(doubts.open_doubts)
    fleet.run(lambda db: doubts.decide(db, [doubt], policy, max_attempts=5, at=AT, calendar=CALENDAR))
    assert fleet.state(message_id) == ("failed" if policy == "fail" else "in_doubt")
    if policy == "fail":
        assert fleet.usage(1) == (0, 0, 0, 1)
        assert fleet.events(message_id) == [5, 3]


# Rule 6: partly sent


def test_a_partly_sent_message_goes_on_at_its_box_under_the_new_epoch(fleet: Fleet) -> None:
    message_id = fleet.started("a", 1, parts=2)
    fleet.upload("a", fleet.part(message_id, "submitted", sim_id=1, epoch=fleet.boxes["a"].epoch))
    row = listed(fleet, message_id)
    fleet.join("a")
    [stamped] = stamp(fleet, "a", row).values()
    assert [part.sent for part in stamped.parts] == [True, False]
    fleet.upload("a", fleet.part(message_id, "submitted", sim_id=1, epoch=fleet.boxes["a"].epoch, seq=2))
    assert fleet.state(message_id) == "sent"


# Rule 7: incarnations


def test_what_another_incarnation_started_is_in_doubt(fleet: Fleet) -> None:
    message_id = fleet.started("a", 1)
    row = listed(fleet, message_id)
    fleet.join("a", "a-2")
    assert stamp(fleet, "a", row) == {}
    assert release(fleet, "a", row) == set()
    lost = fleet.run(lambda db: releases.lose(db, fleet.boxes["a"], [row], AT, CALENDAR))
    assert lost == {message_id}
    found = fleet.row(message_id)
    assert found is not None
    assert (found["state"], found["told"]) == ("in_doubt", 0)
    assert release(fleet, "a", listed(fleet, message_id)) == set()


# Rule 8: progress


def test_progress_does_not_free_a_row_in_doubt_but_a_release_does(fleet: Fleet) -> None:
    message_id = fleet.started("a", 1, parts=2)
    epoch = fleet.boxes["a"].epoch
    rescue(fleet, "a", doubt=True)
    fleet.upload("a", fleet.part(message_id, "submitted", sim_id=1, epoch=epoch))
    assert fleet.state(message_id) == "in_doubt"
    assert release(fleet, "a", ListedRow(message_id, "started", epoch)) == set()
    assert release(fleet, "a", listed(fleet, message_id)) == {message_id}
    row = fleet.row(message_id)
    assert row is not None
    assert (row["state"], row["bound_sim"]) == ("waiting", 1)


# Rescue


def test_a_box_that_beat_meanwhile_is_not_dead(fleet: Fleet) -> None:
    [(epoch, beat)] = fleet.execute("SELECT epoch, beat FROM boxes WHERE name = 'a'")
    fleet.run(lambda db: boxes.look(db, fleet.boxes["a"], beat=True))
    assert not fleet.run(lambda db: boxes.rescue(db, "a", epoch, beat))


def test_a_box_that_came_back_is_not_put_in_doubt_by_its_rescuer(fleet: Fleet) -> None:
    message_id = fleet.started("a", 1)
    [(epoch, beat)] = fleet.execute("SELECT epoch, beat FROM boxes WHERE name = 'a'")
    assert fleet.run(lambda db: boxes.rescue(db, "a", epoch, beat))
    fleet.join("a")
    assert fleet.run(lambda db: boxes.doubt_rescued(db, "a", epoch + 1, beat, AT, CALENDAR)) == []
    assert fleet.state(message_id) == "started"


def test_a_rescued_box_is_told_by_its_next_look(fleet: Fleet) -> None:
    box = fleet.boxes["a"]
    rescue(fleet, "a")
    assert fleet.run(lambda db: boxes.look(db, box, beat=False)) is None
    assert fleet.run(lambda db: boxes.look(db, box, beat=True)) is None


@pytest.mark.parametrize("gone", ["", "rescued", "excluded", "rescued, excluded"])
def test_the_epoch_that_a_box_had_is_known(fleet: Fleet, gone: str) -> None:
    """A file that noted a lower one is older than that."""
    before = fleet.boxes["a"].epoch
    if "rescued" in gone:
        rescue(fleet, "a")
    if "excluded" in gone:
        assert fleet.run(lambda db: boxes.retire(db, "a", "excluded"))
        fleet.execute("UPDATE boxes SET state = 'member' WHERE name = 'a'")
    assert fleet.run(lambda db: boxes.epochs(db, "a")).given == before
    joined = fleet.join("a", "another incarnation")
    assert fleet.run(lambda db: boxes.epochs(db, "a")).given == joined.box.epoch > before


def test_an_epoch_is_given_once(fleet: Fleet) -> None:
    """A join that was asked for before another one, a rescue or a restore, and is executed after it, changes nothing."""
    box = fleet.boxes["a"]
    for epoch in (box.epoch, box.epoch + 9):
        with pytest.raises(EpochOldError):
            fleet.join("a", present=box.epoch - 1, epoch=epoch)
    assert fleet.one("SELECT epoch FROM boxes WHERE name = 'a'") == box.epoch


# PostgreSQL restored from a backup


def test_a_box_that_was_told_more_stops_all_claims_until_each_has_told_again(fleet: Fleet) -> None:
    fleet.accept(1)
    last = fleet.one("SELECT last_value FROM message_ids")
    joined = fleet.join("a", acknowledged=10, had_id=last + 5)
    assert joined.behind
    assert fleet.claim("a", 1) == []
    assert fleet.run(boxes.recovered) == ["a", "b"]
    fleet.run(lambda db: boxes.caught_up(db, fleet.boxes["a"]))
    fleet.run(lambda db: boxes.caught_up(db, fleet.boxes["b"]))
    assert fleet.run(boxes.recovered) == []
    assert len(fleet.claim("a", 1)) == 1
    assert fleet.accept(1)[0] > last + 1_000_000


def test_after_a_restore_no_id_of_an_event_is_given_again(fleet: Fleet) -> None:
    """Clients that follow events are told that they may have missed some."""
    before = fleet.run(event_eras.read)
    fleet.join("a", last_epoch=50)
    after = fleet.run(event_eras.read)
    assert after.restored != before.restored
    fleet.join("b", last_epoch=50)
    assert fleet.run(event_eras.read) == after


def test_a_join_of_no_member_is_refused(fleet: Fleet) -> None:
    assert fleet.run(lambda db: boxes.retire(db, "a", "excluded"))
    with pytest.raises(LookupError):
        fleet.join("a")
    assert not fleet.run(lambda db: boxes.retire(db, "a", "left"))


def test_an_upload_of_another_incarnation_is_refused(fleet: Fleet) -> None:
    message_id = fleet.started("a", 1)
    old = fleet.boxes["a"]
    fleet.boxes["a"] = Box("a", old.number, old.epoch, "another")
    with pytest.raises(EpochOldError):
        fleet.upload("a", fleet.part(message_id, "submitted", sim_id=1, epoch=old.epoch))


@pytest.mark.parametrize("state", ["waiting", "claimed", "started"])
def test_while_recovering_a_doubt_counts_whatever_state_was_restored(fleet: Fleet, state: str) -> None:
    if state == "waiting":
        [message_id] = fleet.accept(1)
    elif state == "claimed":
        [message_id] = fleet.accept(1)
        fleet.claim("a", 1)
    else:
        message_id = fleet.started("a", 1)
    box = fleet.join("b", last_epoch=50).box  # it had handed the part over, and was told more since
    fleet.upload("b", fleet.part(message_id, "in_doubt", sim_id=3, epoch=49))
    row = fleet.row(message_id)
    assert row is not None
    assert (row["state"], row["box"], row["epoch"], row["told"]) == ("in_doubt", "b", box.epoch, 1)
    assert fleet.events(message_id) == [code_of(EventType.MESSAGE_IN_DOUBT)]
    assert fleet.claim("a", 1) == []


@pytest.mark.parametrize("state", ["waiting", "claimed", "started"])
@pytest.mark.parametrize("part_of", ["its planned SIM", "another SIM"])
def test_while_recovering_a_sent_part_binds_its_message_whatever_state_was_restored(
    fleet: Fleet, state: str, part_of: str
) -> None:
    """The other boxes do not help with it either, which they do with what waits in the lane of its SIM."""
    planned = 3 if part_of == "its planned SIM" else 1
    ids = fleet.accept(planned, 6, parts=2)
    holder = "b" if planned == 3 else "a"
    if state != "waiting":
        assert {one.message_id for one in fleet.claim(holder, planned)} == set(ids)
    if state == "started":
        fleet.start(holder, ids)
    fleet.join("b", last_epoch=50)
    fleet.upload("b", *(fleet.part(each, "submitted", sim_id=3, epoch=49) for each in ids))
    fleet.execute("UPDATE fleet SET recovering = 0")
    if planned == 3 and state != "waiting":  # they are where they belong
        assert set(fleet.own("b").values()) == {state}
        return
    assert {(row["state"], row["bound_sim"]) for each in ids if (row := fleet.row(each))} == {("waiting", 3)}
    assert fleet.claim("a", 1, 2) == []
    fleet.place(3, up=0)
    assert fleet.claim("a", 1, 2) == []
    fleet.place(3, up=1)
    assert {one.message_id for one in fleet.claim("b", 3) if one.bound} == set(ids)


@pytest.mark.parametrize("state", ["waiting", "claimed", "started"])
def test_while_recovering_a_message_that_was_sent_ends_whatever_state_was_restored(
    fleet: Fleet, state: str
) -> None:
    [message_id] = fleet.accept(1)
    if state != "waiting":
        fleet.claim("a", 1)
    if state == "started":
        fleet.start("a", [message_id])
    fleet.join("b", last_epoch=50)
    fleet.upload("b", fleet.part(message_id, "submitted", sim_id=3, epoch=49))
    assert fleet.state(message_id) == "sent"
    assert fleet.message(message_id)["sim_id"] == 3


def test_after_a_restore_a_box_joins_above_every_epoch_that_it_had(fleet: Fleet) -> None:
    joined = fleet.join("a", last_epoch=50)
    assert joined.behind
    assert joined.box.epoch == 51
    assert not fleet.join("a", last_epoch=51).behind


def test_the_first_box_that_lived_on_finds_a_restored_database(fleet: Fleet) -> None:
    seen = see(fleet)
    assert not fleet.join("a", seen=seen).behind
    other = seen.rows["b"]
    assert fleet.join("a", seen=see(fleet, replace(other, beat=other.beat + 1))).behind
    assert fleet.claim("a", 1) == []


def test_a_box_that_was_started_again_finds_a_restored_database_by_the_epochs_of_others(fleet: Fleet) -> None:
    epoch = fleet.boxes["b"].epoch
    assert not fleet.join("a", seen=FleetSeen(epochs={"b": epoch})).behind
    assert fleet.join("a", seen=FleetSeen(epochs={"b": epoch + 1})).behind


def test_a_restored_row_of_a_box_shows_what_others_saw_of_it(fleet: Fleet) -> None:
    """By that the box finds that its file is as old as the backup."""
    fleet.execute("UPDATE boxes SET server = 'that of the backup'")
    seen = see(fleet).rows["b"]
    fleet.join("a", seen=see(fleet, replace(seen, epoch=seen.epoch + 3, journal=9)))
    assert fleet.run(lambda db: boxes.epochs(db, "b")).given == seen.epoch + 3
    assert fleet.join("b").journal == 9
    rescue(fleet, "b")
    fleet.execute("UPDATE boxes SET server = 'that of the backup'")
    fleet.join("a", seen=see(fleet, replace(seen, epoch=seen.epoch + 9, alive=False)))
    assert fleet.run(lambda db: boxes.epochs(db, "b")).given == seen.epoch + 8


def test_a_box_that_joined_a_restored_database_with_an_old_file_loses_its_epoch(fleet: Fleet) -> None:
    """It cannot know that the number of its epoch was given before; one that came with its present file keeps its own."""
    fleet.execute("UPDATE boxes SET server = 'that of the backup'")
    epoch = fleet.boxes["b"].epoch
    for _ in range(3):
        box = fleet.join("b", last_epoch=epoch).box
    server = fleet.one("SELECT server FROM boxes WHERE name = 'b'")
    for seen in (FleetSeen("before", {"b": epoch}), FleetSeen(server, {"b": epoch + 1})):
        fleet.join("a", last_epoch=50, seen=seen)
        assert fleet.run(lambda db: boxes.epochs(db, "b")).given == box.epoch
    assert fleet.run(lambda db: boxes.epochs(db, "b")).taken_there
    fleet.join("a", last_epoch=100, seen=FleetSeen("before", {"b": epoch + 1}))
    told = fleet.run(lambda db: boxes.epochs(db, "b"))
    assert told.given > box.epoch
    assert not told.taken_there


def test_an_epoch_whose_answer_was_lost_does_not_make_a_file_old(fleet: Fleet) -> None:
    fleet.execute("UPDATE boxes SET server = 'that of the backup'")
    epoch = fleet.boxes["b"].epoch
    box = fleet.join("b", last_epoch=epoch - 1, highest_epoch=epoch).box
    fleet.join("a", last_epoch=50, seen=FleetSeen("before", {"b": epoch}))
    assert fleet.run(lambda db: boxes.epochs(db, "b")).given == box.epoch


def test_after_a_restore_all_is_in_doubt_that_a_box_without_its_memory_may_have_sent(fleet: Fleet) -> None:
    waits, told = fleet.accept(1, 2)
    claimed, sent = fleet.accept(3, 2)
    assert {one.message_id for one in fleet.claim("b", 3)} >= {claimed, sent}
    assert not fleet.join("b", last_epoch=50).forgot
    assert not fleet.join("b").forgot
    assert fleet.join("a", "another incarnation").forgot
    assert fleet.join("a").forgot  # also after a crash
    [later] = fleet.accept(1)
    assert fleet.run(lambda db: boxes.doubt_forgotten(db, "a", AT, CALENDAR)) == 4
    assert fleet.run(lambda db: boxes.doubt_forgotten(db, "a", AT, CALENDAR)) == 0
    assert {fleet.state(each) for each in (waits, told, claimed, sent)} == {"in_doubt"}
    assert fleet.state(later) == "waiting"
    assert fleet.events(waits) == [code_of(EventType.MESSAGE_IN_DOUBT)]
    fleet.upload("b", fleet.part(told, "submitted", sim_id=3, epoch=None))
    fleet.upload("b", fleet.part(sent, "submitted", sim_id=3, epoch=49))
    assert (fleet.state(told), fleet.state(sent)) == ("sent", "sent")
    fleet.run(lambda db: boxes.caught_up(db, fleet.boxes["a"]))
    assert not fleet.join("a").forgot
    assert fleet.claim("a", 1) == []
    assert set(fleet.own("a")) == {waits, claimed}


def test_the_knowledge_of_a_box_that_is_excluded_after_a_restore_is_lost_too(fleet: Fleet) -> None:
    [message_id] = fleet.accept(1)
    fleet.join("b", last_epoch=50)
    fleet.run(lambda db: members.exclude(db, "a", AT, CALENDAR))
    assert fleet.state(message_id) == "in_doubt"


def test_nothing_is_accepted_where_postgres_knows_less_of_the_box_than_it_saw(fleet: Fleet) -> None:
    """It would give ids that were given before."""
    [(epoch, beat)] = fleet.execute("SELECT epoch, beat FROM boxes WHERE name = 'a'")
    for seen in (Seen("a", epoch + 1, 0), Seen("a", epoch, beat + 1), Seen("c", 0, 0)):
        with pytest.raises(EpochOldError):
            fleet.run(lambda db, seen=seen: acceptance.begin(db, (), 1, seen=seen))  # type: ignore[misc]
    fleet.join("a")
    assert fleet.run(lambda db: acceptance.begin(db, (), 1, seen=Seen("a", epoch, beat)))


def test_no_doubt_is_retried_while_the_fleet_is_recovering(fleet: Fleet) -> None:
    message_id = fleet.started("a", 1)
    fleet.upload("a", fleet.part(message_id, "in_doubt", sim_id=1, epoch=fleet.boxes["a"].epoch))
    fleet.join("b", last_epoch=50)
    found = fleet.run(lambda db: doubts.open_doubts(db, ["a"]))
    decided = fleet.run(
        lambda db: doubts.decide(db, found, "retry", max_attempts=5, at=AT, calendar=CALENDAR)
    )
    assert decided.retried == frozenset()
    assert fleet.state(message_id) == "in_doubt"
