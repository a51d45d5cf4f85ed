"""A box with an old database file, and PostgreSQL restored from a backup: nothing is sent twice, and nothing is lost silently."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import eventually
from tests.fleet.box.members import CANCEL, Boxes, Member, running
from tests.fleet.proxy import Proxy

pytestmark = pytest.mark.postgres


def test_an_old_file_is_a_new_incarnation_and_does_not_send_what_was_sent_since(boxes: Boxes) -> None:
    box = boxes.add("one")
    file = box.settings.store.path
    with running(box):
        first = boxes.queue.send("first")
        boxes.queue.becomes(first, "sent")
    token = boxes.queue.one("SELECT incarnation FROM boxes")
    kept = file.with_name("kept.db")
    shutil.copyfile(file, kept)
    with running(box):
        second = boxes.queue.send("second")
        boxes.queue.becomes(second, "sent")
        eventually(lambda: box.fleet.status().untold == 0)
    shutil.copyfile(kept, file)
    with running(box):
        third = boxes.queue.send("third")
        boxes.queue.becomes(third, "sent")
    assert boxes.counts() == {"first": 1, "second": 1, "third": 1}
    assert boxes.queue.one("SELECT incarnation FROM boxes") != token
    assert {boxes.queue.status(each) for each in (first, second, third)} <= {"sent", "delivered"}


@pytest.mark.parametrize("beat_s", [0.2, 60.0])
def test_what_an_older_incarnation_had_started_is_in_doubt(boxes: Boxes, proxy: Proxy, beat_s: float) -> None:
    box = boxes.add("one", submit_timeout_s=60, dsn=boxes.dsn_through(proxy))
    boxes.set_fleet(in_doubt="hold", beat_s=beat_s, lease_s=120.0, dead_after_s=180.0)
    kept = _keep_file(box)
    message_id = _start_and_lose(boxes, box, proxy)
    if beat_s > 1:
        # No beat tells the journal that has the message: the epoch alone tells that the file is old.
        assert boxes.queue.one("SELECT journal FROM boxes") == 0
    shutil.copyfile(kept, box.settings.store.path)
    box.bank.release(1, forget=True)
    with running(box):
        eventually(lambda: boxes.queue.state(message_id) == "in_doubt")
        other = boxes.queue.send("other")
        boxes.queue.becomes(other, "sent", 60)
    assert boxes.queue.state(message_id) == "in_doubt"
    assert boxes.counts() == {"other": 1}


def test_joins_that_fail_do_not_hide_that_a_file_is_old(boxes: Boxes, proxy: Proxy) -> None:
    box = boxes.add("one", submit_timeout_s=60, dsn=boxes.dsn_through(proxy))
    boxes.set_fleet(in_doubt="hold", beat_s=60.0, lease_s=120.0, dead_after_s=180.0)
    kept = _keep_file(box)
    message_id = _start_and_lose(boxes, box, proxy)
    shutil.copyfile(kept, box.settings.store.path)
    box.bank.release(1, forget=True)
    with boxes.fleet.connected() as db, db.transaction():
        db.execute("SELECT 1 FROM boxes FOR UPDATE").fetchall()
        box.start()
        for _ in range(3):
            eventually(lambda: boxes.queue.one(CANCEL))
    try:
        eventually(lambda: boxes.queue.state(message_id) == "in_doubt")
    finally:
        box.stop()
    assert boxes.counts() == {}


def test_a_file_that_is_put_back_twice_is_old_both_times(boxes: Boxes, proxy: Proxy) -> None:
    box = boxes.add("one", submit_timeout_s=60, dsn=boxes.dsn_through(proxy))
    boxes.set_fleet(in_doubt="hold", beat_s=60.0, lease_s=120.0, dead_after_s=180.0)
    kept = _keep_file(box)
    message_id = _start_and_lose(boxes, box, proxy)
    box.bank.release(1, forget=True)
    for number in range(2):
        shutil.copyfile(kept, box.settings.store.path)
        with running(box):
            eventually(lambda: boxes.queue.state(message_id) == "in_doubt")
            boxes.queue.becomes(boxes.queue.send(f"other {number}"), "sent", 60)
    assert boxes.queue.state(message_id) == "in_doubt"
    assert boxes.counts() == {"other 0": 1, "other 1": 1}


def _keep_file(box: Member) -> Path:
    """A copy of the database file of a box that has joined, and does not run now."""
    with running(box):
        eventually(box.fleet.box_that_starts)
    kept = box.settings.store.path.with_name("kept.db")
    shutil.copyfile(box.settings.store.path, kept)
    return kept


def _start_and_lose(boxes: Boxes, box: Member, proxy: Proxy) -> int:
    """Have the box start a message, and stop it before it can tell what became of it; the id of the message."""
    box.bank.hold(1, "+CMGS")
    box.start()
    message_id = boxes.queue.send("started")
    eventually(lambda: boxes.queue.state(message_id) == "started")
    if boxes.queue.one("SELECT beat_s FROM fleet") < 1:
        eventually(lambda: boxes.queue.one("SELECT journal FROM boxes") >= 1)
    proxy.unplug()
    box.stop()
    proxy.heal()
    return message_id
