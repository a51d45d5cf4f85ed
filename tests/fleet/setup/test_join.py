"""Boxes join a fleet: ids that are taken change, everything comes along once, and an interruption is repaired by repeating."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatewayd.errors import AdminError
from gatewayd.fleet.setup import fitness, joining, sequences
from gatewayd.fleet.setup.initialising import FIRST_MESSAGE
from gatewayd.fleet.setup.joining import Join
from gatewayd.store import Transaction
from gatewayd.store.tables import membership, sims
from gatewayd.store.tables.renumbering import Kind
from tests.fleet.databases import Database
from tests.fleet.setup.fleets import NOW, OwnBox, begin_fleet, configured, join, own_box

pytestmark = pytest.mark.postgres


def filled(box: OwnBox, mark: str) -> None:
    """Two companies of which one is at both boxes, keys, cards, a webhook and an opt-out."""
    common = box.company("Pharmacie du Fleuve", used=5, quota=100)
    other = box.company(f"Only at {mark}", used=3)
    for company in (common, other):
        box.key(company)
    box.sim(f"card {mark} 1", common, default=True, taken=4)
    box.sim(f"card {mark} 2", taken=2)
    box.webhook(other, f"secret {mark}")
    box.opt_out(common, "+22370000009")
    box.message()


def test_the_first_box_keeps_its_ids(fleet_database: Database, tmp_path: Path) -> None:
    fleet = begin_fleet(fleet_database, tmp_path)
    with own_box(tmp_path, "a") as box:
        filled(box, "a")
        joined = join(fleet, box, "bamako-1")
        assert joined.changed == {kind: {} for kind in Kind}
        assert fleet.rows("SELECT id, name FROM companies ORDER BY id") == box.rows(
            "SELECT id, name FROM companies ORDER BY id"
        )
        assert fleet.rows("SELECT id, company_id, is_default, box FROM sims ORDER BY id") == [
            (1, 1, 1, "bamako-1"),
            (2, None, 0, "bamako-1"),
        ]
        assert box.rows("SELECT count(*) FROM sims WHERE box IS NULL") == [(2,)]
        assert fleet.rows("SELECT nextval('message_ids')") == [(FIRST_MESSAGE + 1,)]


def test_the_ids_of_the_second_box_that_are_taken_change_here_and_there(
    fleet_database: Database, tmp_path: Path
) -> None:
    fleet = begin_fleet(fleet_database, tmp_path)
    with own_box(tmp_path, "a") as first, own_box(tmp_path, "b") as second:
        filled(first, "a")
        filled(second, "b")
        join(fleet, first, "bamako-1")
        joined = join(fleet, second, "bamako-2")
        assert joined.changed == {
            Kind.COMPANY: {2: 3},
            Kind.KEY: {1: 3, 2: 4},
            Kind.SIM: {1: 3, 2: 4},
            Kind.WEBHOOK: {1: 2},
        }
        keys = "SELECT id, company_id, hash FROM api_keys ORDER BY id"
        assert [row for row in fleet.rows(keys) if row[0] in (3, 4)] == second.rows(keys)
        assert second.rows("SELECT company_id, sim_id FROM messages") == [(1, 3)]
        assert second.rows("SELECT company_id FROM webhooks") == [(3,)]
        # Of the company that both had, both used the quota; its other settings and its default SIM are those of the fleet.
        assert fleet.rows("SELECT company_id, used FROM company_usage ORDER BY 1") == [
            (1, 10),
            (2, 3),
            (3, 3),
        ]
        assert fleet.rows("SELECT id FROM sims WHERE is_default = 1") == [(1,)]
        assert fleet.rows("SELECT sim_id, taken FROM sim_usage ORDER BY sim_id") == [
            (1, 4),
            (2, 2),
            (3, 4),
            (4, 2),
        ]
        assert fleet.rows("SELECT company_id, recipient, inbox_id FROM opt_outs") == [
            (1, "+22370000009", None)
        ]
        # Keys that were made here name SIMs by the old ids of this box.
        assert fleet.rows("SELECT key_id FROM key_origins WHERE box = 'bamako-2' ORDER BY 1") == [(3,), (4,)]
        assert fleet.rows(
            "SELECT old_id, new_id FROM renumbered WHERE box = 'bamako-2' AND kind = 'sim' ORDER BY 1"
        ) == [
            (1, 3),
            (2, 4),
        ]
        # A card that is seen for the first time, also while PostgreSQL is away, gets an id that no other box gives.
        seen = [
            box.store.write(lambda db: sims.seen(db, "new card", "", "", "", 9, 1, 0))
            for box in (first, second)
        ]
        assert len({*seen}) == 2
        assert min(seen) > 1_000_000
        # The next row has an id of its own.
        with fleet.connected() as db:
            db.execute("INSERT INTO companies (name, created_at) VALUES ('Next', 1)")
        assert fleet.rows("SELECT max(id) FROM companies") == [(4,)]


def test_companies_are_matched_by_option_and_stay_apart_by_option(
    fleet_database: Database, tmp_path: Path
) -> None:
    fleet = begin_fleet(fleet_database, tmp_path)
    with own_box(tmp_path, "a") as first, own_box(tmp_path, "b") as second:
        first.company("A")
        first.company("B")
        join(fleet, first, "bamako-1")
        second.company("B")
        second.company("Another name of A")
        joined = join(fleet, second, "bamako-2", {1: None, 2: 1})
        assert joined.ids[Kind.COMPANY] == {1: 3, 2: 1}
        assert second.rows("SELECT id, name FROM companies ORDER BY id") == [
            (1, "Another name of A"),
            (3, "B"),
        ]


def test_a_card_that_was_in_another_box_keeps_its_id_and_its_counts(
    fleet_database: Database, tmp_path: Path
) -> None:
    fleet = begin_fleet(fleet_database, tmp_path)
    with own_box(tmp_path, "a") as first, own_box(tmp_path, "b") as second:
        first.sim("the other one")
        first.sim("the moved card", taken=10)
        join(fleet, first, "bamako-1")
        second.sim("the moved card", taken=5)
        joined = join(fleet, second, "bamako-2")
        assert joined.changed[Kind.SIM] == {1: 2}
        assert fleet.rows("SELECT taken FROM sim_usage WHERE sim_id = 2") == [(15,)]
        assert fleet.rows("SELECT messages FROM sim_recipients WHERE sim_id = 2") == [(15,)]
        assert fleet.rows("SELECT recipients FROM sim_recipient_counts WHERE sim_id = 2") == [(1,)]


def test_a_join_that_was_interrupted_is_finished_by_repeating_it(
    fleet_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = begin_fleet(fleet_database, tmp_path)
    with own_box(tmp_path, "a") as first, own_box(tmp_path, "b") as second:
        filled(first, "a")
        filled(second, "b")
        join(fleet, first, "bamako-1")

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(joining, "_adopt", interrupted)  # the process ends between the two transactions
            with pytest.raises(KeyboardInterrupt):
                join(fleet, second, "bamako-2")
        assert second.rows("SELECT id FROM sims ORDER BY id") == [(1,), (2,)]
        there = fleet.rows("SELECT company_id, used FROM company_usage ORDER BY 1, 2")
        second.company("Added meanwhile", used=9)
        joined = join(fleet, second, "bamako-2")
        assert joined.changed[Kind.COMPANY] == {2: 3, 3: 4}
        assert second.rows("SELECT id FROM sims ORDER BY id") == [(3,), (4,)]
        assert fleet.rows("SELECT company_id, used FROM company_usage ORDER BY 1, 2") == [*there, (4, 9)]
        assert second.rows("SELECT token FROM incarnation") == fleet.rows(
            "SELECT incarnation FROM boxes WHERE name = 'bamako-2'"
        )
        before = second.rows("SELECT * FROM sims")
        assert join(fleet, second, "bamako-2").already
        assert second.rows("SELECT * FROM sims") == before


def refused(
    fleet_database: Database, tmp_path: Path, box: OwnBox, name: str = "bamako-2", text: str = ""
) -> str:
    """The error with which a join is refused; neither side is changed."""
    fleet = begin_fleet(fleet_database, tmp_path)
    before = box.rows("SELECT id FROM companies"), fleet.rows("SELECT name FROM boxes")
    with fleet.connected() as db, pytest.raises(AdminError) as caught:
        Join(db, box.store, configured(text), name, NOW).run({})
    assert (box.rows("SELECT id FROM companies"), fleet.rows("SELECT name FROM boxes")) == before
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[numbers]\ntime_zone = "Africa/Niamey"',
            'numbers.time_zone is "Africa/Niamey" here and "Africa/Bamako" in the fleet',
        ),
        ('[numbers]\nplan = "mali"', 'numbers.plan is "mali" here and "guide" in the fleet'),
        ("[store]\nretention_days = 30", "store.retention_days is 30 here and 90 in the fleet"),
        ('[dispatch]\nin_doubt = "hold"', 'dispatch.in_doubt is "hold" here and "retry" in the fleet'),
        ("[dispatch]\nin_doubt_wait_s = 5", "dispatch.in_doubt_wait_s is 5.0 here and 120.0 in the fleet"),
    ],
)
def test_a_box_that_does_not_agree_is_refused(
    fleet_database: Database, tmp_path: Path, text: str, told: str
) -> None:
    with own_box(tmp_path, "b") as box:
        assert told in refused(fleet_database, tmp_path, box, text=text)


def test_a_box_with_unfinished_messages_is_refused(fleet_database: Database, tmp_path: Path) -> None:
    with own_box(tmp_path, "b") as box:
        box.message("pending")
        box.message("pending", day="")
        assert "2 messages of this box are unfinished, 1 of them scheduled" in refused(
            fleet_database, tmp_path, box
        )


def test_a_box_with_an_impossible_name_is_refused(fleet_database: Database, tmp_path: Path) -> None:
    with own_box(tmp_path, "b") as box:
        assert "a box has 1 to 32 of a-z, 0-9 and -" in refused(
            fleet_database, tmp_path, box, name="Bamako 2"
        )


def test_a_second_box_of_the_same_name_is_refused(fleet_database: Database, tmp_path: Path) -> None:
    fleet = begin_fleet(fleet_database, tmp_path)
    with own_box(tmp_path, "a") as first, own_box(tmp_path, "b") as second:
        join(fleet, first, "bamako-1")
        with pytest.raises(AdminError, match="another box of the fleet is bamako-1"):
            join(fleet, second, "bamako-1")
        with pytest.raises(AdminError, match="this box is bamako-1 of a fleet already"):
            join(fleet, first, "bamako-3")


def test_two_companies_of_a_box_are_never_one_of_the_fleet(fleet_database: Database, tmp_path: Path) -> None:
    fleet = begin_fleet(fleet_database, tmp_path)
    with own_box(tmp_path, "a") as first, own_box(tmp_path, "b") as second:
        first.company("A")
        join(fleet, first, "bamako-1")
        second.company("B")
        second.company("C")
        with pytest.raises(AdminError, match="two companies of this box cannot both be company 1"):
            join(fleet, second, "bamako-2", {1: 1, 2: 1})
        with pytest.raises(AdminError, match="there is no company 9 in the fleet"):
            join(fleet, second, "bamako-2", {1: 9})


def test_a_key_that_two_boxes_have_belongs_to_one_company(fleet_database: Database, tmp_path: Path) -> None:
    fleet = begin_fleet(fleet_database, tmp_path)
    with own_box(tmp_path, "a") as first, own_box(tmp_path, "b") as second:
        first.company("B")
        first.key(first.company("A"), b"the same")
        join(fleet, first, "bamako-1")
        second.key(second.company("B"), b"the same")
        with pytest.raises(AdminError, match="is that of company 2 in the fleet"):
            join(fleet, second, "bamako-2")
        joined = join(fleet, second, "bamako-2", {1: 2})
        assert joined.ids[Kind.KEY] == {1: 1}


def test_a_box_that_left_comes_back(fleet_database: Database, tmp_path: Path) -> None:
    fleet = begin_fleet(fleet_database, tmp_path)
    with own_box(tmp_path, "a") as first, own_box(tmp_path, "b") as second:
        filled(first, "a")
        filled(second, "b")
        join(fleet, first, "bamako-1")
        join(fleet, second, "bamako-2")
        with fleet.connected() as db:
            db.execute("UPDATE boxes SET state = 'left' WHERE name = 'bamako-2'")
        second.store.write(membership.note_left)
        used = fleet.rows("SELECT company_id, used FROM company_usage ORDER BY 1")
        keys = fleet.rows("SELECT id, company_id, hash FROM api_keys ORDER BY 1")
        second.company("Founded alone")
        joined = join(fleet, second, "bamako-2")
        assert joined.changed == {kind: {} for kind in Kind}
        assert [
            row for row in fleet.rows("SELECT company_id, used FROM company_usage ORDER BY 1") if row in used
        ] == used
        assert fleet.rows("SELECT id, company_id, hash FROM api_keys ORDER BY 1") == keys
        # The SIMs that keys from before the first join named are still found.
        assert fleet.rows(
            "SELECT old_id, new_id FROM renumbered WHERE box = 'bamako-2' AND kind = 'sim' ORDER BY 1"
        ) == [
            (1, 3),
            (2, 4),
            (3, 3),
            (4, 4),
        ]


def test_a_box_that_was_alone_meets_no_message_under_an_id_of_its_own(
    fleet_database: Database, tmp_path: Path
) -> None:
    fleet = begin_fleet(fleet_database, tmp_path)
    with own_box(tmp_path, "a") as box:
        join(fleet, box, "bamako-1")

        def left(local: Transaction) -> None:
            membership.note_left(local)

        with fleet.connected() as db:
            db.execute("UPDATE boxes SET state = 'left'")
            number = sequences.last_of(db, "message_ids") + 1
            sequences.raise_sequence(db, "message_ids", number)
            db.execute(
                "INSERT INTO messages (id, sms_id, task_id, company_id, recipient, text, priority, pinned, sim_id, parts, unsent,"
                " undelivered, cost, taken_day, day, created_at) VALUES (?, 'another', 1, 1, '', '', 1, 0, 1, 1, 1, 1, 0, '', 'x', 1)",
                (number,),
            )
            db.execute(
                "INSERT INTO queue (message_id, state, sim_id, pinned, priority, company_id, transactional, parts)"
                " VALUES (?, 'waiting', 1, 0, 1, 1, 0, 1)",
                (number,),
            )
        box.store.write(left)
        box.message(number=number)
        with pytest.raises(
            AdminError, match="1 messages wait in the fleet under ids that this box gave to others"
        ):
            join(fleet, box, "bamako-1")
        with fleet.connected() as db:
            db.execute("DELETE FROM queue")
        join(fleet, box, "bamako-1")
        assert fleet.rows("SELECT nextval('message_ids')") == [(number + 1,)]


def test_a_recovering_fleet_takes_no_new_box(fleet_database: Database, tmp_path: Path) -> None:
    fleet = begin_fleet(fleet_database, tmp_path)
    with fleet.connected() as db:
        db.execute("UPDATE fleet SET recovering = 1")
    with own_box(tmp_path, "a") as box, pytest.raises(AdminError, match="the fleet is recovering"):
        join(fleet, box, "bamako-1")


def test_a_store_from_before_the_join_may_not_act_for_the_fleet(
    fleet_database: Database, tmp_path: Path
) -> None:
    fleet = begin_fleet(fleet_database, tmp_path)
    settings = configured(f'[fleet]\ndsn = "{fleet.dsn}"\nname = "bamako-1"')
    with own_box(tmp_path, "a") as box, fleet.connected() as db:
        join(fleet, box, "bamako-1")
        assert fitness.refused(db, box.store, settings) is None
        other = settings.model_copy(update={"store": configured("[store]\nretention_days = 3").store})
        assert "store.retention_days is 3 here and 90" in str(fitness.refused(db, box.store, other))
        box.store.write(membership.note_left)  # as an old copy of it would be
        assert "is not that of bamako-1" in str(fitness.refused(db, box.store, settings))
