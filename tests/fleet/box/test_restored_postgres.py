"""PostgreSQL restored from a backup: no box acts on it before the boxes that know more have said so."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gatewayd.fleet.queue import boxes as fleet_boxes
from tests.conftest import eventually
from tests.fleet.box.members import CANCEL, Boxes, Member, running
from tests.fleet.databases import ROLE

pytestmark = pytest.mark.postgres

NEVER_S = 300.0  # no box is declared dead in these tests


@pytest.fixture
def two(boxes: Boxes) -> tuple[Member, Member]:
    """Two boxes that have run, and do not run now."""
    boxes.set_fleet(dead_after_s=NEVER_S)
    one, other = boxes.add("one"), boxes.add("two", first_sim=2)
    with running(one, other):
        eventually(one.fleet.box_that_starts)
        eventually(other.fleet.box_that_starts)
    return one, other


def test_a_box_that_was_off_since_the_backup_waits_for_one_that_was_not(
    boxes: Boxes, two: tuple[Member, Member]
) -> None:
    one, other = two
    message_id = boxes.queue.send("sent since the backup", sim=2)
    with _restored(boxes):
        boxes.leave_places(other)  # so another SIM sends it
        with running(one):
            boxes.queue.becomes(message_id, "sent")
            eventually(lambda: one.fleet.status().untold == 0)
    assert boxes.queue.state(message_id) == "waiting"
    with running(other):
        eventually(lambda: other.fleet.status().agent.others)
        _looks_again(boxes, other)
        assert not other.fleet.permit.is_open()
        assert other.fleet.seen() is None
        with running(one):
            eventually(lambda: boxes.queue.one("SELECT recovering FROM fleet"))
            eventually(lambda: boxes.queue.one("SELECT count(*) FROM boxes WHERE caught_up = 0") == 0)
            boxes.queue.becomes(message_id, "sent")
            with boxes.fleet.connected() as db, db.transaction():
                assert fleet_boxes.recovered(db) == []
            boxes.queue.becomes(boxes.queue.send("later", sim=2), "sent")
    assert boxes.counts() == {"sent since the backup": 1, "later": 1}


def test_a_box_that_comes_back_to_a_server_that_all_others_joined_waits_for_none(
    boxes: Boxes, two: tuple[Member, Member]
) -> None:
    one, other = two
    _forget_servers(boxes)
    with running(one):
        eventually(lambda: one.fleet.status().agent.others)
        with running(other):
            eventually(one.fleet.seen)
            eventually(other.fleet.seen)
        with running(other):
            eventually(other.fleet.seen)


def test_a_box_waits_for_no_box_that_is_dead(boxes: Boxes, two: tuple[Member, Member]) -> None:
    one, _ = two
    _forget_servers(boxes)
    with running(one):
        eventually(lambda: one.fleet.status().agent.others)
        _looks_again(boxes, one)
        assert one.fleet.seen() is None
        boxes.set_fleet(dead_after_s=0.5)
        eventually(one.fleet.seen)
        boxes.queue.becomes(boxes.queue.send("alone"), "sent")


def test_a_box_of_an_older_program_is_not_waited_for(boxes: Boxes, two: tuple[Member, Member]) -> None:
    one, _ = two
    _forget_servers(boxes)
    boxes.fleet.database.psql("UPDATE gatewayd.boxes SET server_epoch = epoch - 1 WHERE name = 'two'")
    with running(one):
        eventually(one.fleet.seen)


@pytest.mark.parametrize("told_first", [True, False])
@pytest.mark.parametrize("joins", [0, 1])
@pytest.mark.parametrize("asks_in_vain", [0, 1, 2])
def test_what_a_box_sent_that_is_restored_together_with_postgres_is_in_doubt(
    boxes: Boxes, two: tuple[Member, Member], joins: int, asks_in_vain: int, told_first: bool
) -> None:
    """Nobody knows that it was sent. What came later goes out.

    The box may join, and ask for an epoch in vain, before another box tells of the epoch that it had since the backup.
    """
    one, other = two
    boxes.set_fleet(in_doubt="hold")
    message_id = boxes.queue.send("sent since the backups", pinned=True)  # the other box may be quicker
    file = one.settings.store.path
    kept = file.with_name("kept.db")
    shutil.copyfile(file, kept)
    with _restored(boxes), running(one, other):
        boxes.queue.becomes(message_id, "sent")
        eventually(lambda: one.fleet.status().untold == 0)
        _looks_again(boxes, other)
    shutil.copyfile(kept, file)
    for _ in range(joins):
        with running(one):
            eventually(lambda: one.fleet.status().agent.box)
    for _ in range(asks_in_vain):
        with boxes.fleet.connected() as db, db.transaction():
            db.execute("SELECT 1 FROM fleet FOR UPDATE").fetchall()
            with running(one):
                eventually(lambda: boxes.queue.one(CANCEL))
    with running(*((other, one) if told_first else (one, other))):
        eventually(lambda: boxes.queue.one("SELECT recovering FROM fleet"))
        eventually(lambda: boxes.queue.one("SELECT count(*) FROM boxes WHERE caught_up = 0") == 0)
        with boxes.fleet.connected() as db, db.transaction():
            assert fleet_boxes.recovered(db) == []
        boxes.queue.becomes(boxes.queue.send("later"), "sent")
    assert boxes.queue.state(message_id) == "in_doubt"
    assert boxes.counts() == {"sent since the backups": 1, "later": 1}


@contextmanager
def _restored(boxes: Boxes) -> Iterator[None]:
    """Make a backup, and after the block put it in the place of the database. No box runs at either moment."""
    database = boxes.fleet.database
    backup = f"{database.name}_backup"
    database.server.create_database(backup, ROLE, database.name)
    yield
    database.server.drop_database(database.name)
    database.server.create_database(database.name, ROLE, backup)
    database.server.drop_database(backup)


def _forget_servers(boxes: Boxes) -> None:
    """No test restarts the server that all share: have the boxes know that they joined another one."""
    boxes.fleet.database.psql("UPDATE gatewayd.boxes SET server = 'an earlier one'")


def _looks_again(boxes: Boxes, member: Member) -> None:
    """Wait until a box has looked at PostgreSQL twice more."""
    name = member.settings.fleet.name
    beat = boxes.queue.one("SELECT beat FROM boxes WHERE name = ?", name)
    eventually(lambda: boxes.queue.one("SELECT beat FROM boxes WHERE name = ?", name) > beat + 1)
