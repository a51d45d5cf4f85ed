"""A box with an old database file, and PostgreSQL restored from a backup: nothing is sent twice, and nothing is lost silently."""

from __future__ import annotations

import shutil

import pytest

from tests.conftest import eventually
from tests.fleet.box.members import Boxes, running
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
    file = box.settings.store.path
    kept = file.with_name("kept.db")
    box.start()
    eventually(box.fleet.box_that_starts)
    box.stop()
    shutil.copyfile(file, kept)
    box.bank.hold(1, "+CMGS")
    box.start()
    message_id = boxes.queue.send("started")
    eventually(lambda: boxes.queue.state(message_id) == "started")
    if beat_s < 1:
        eventually(lambda: boxes.queue.one("SELECT journal FROM boxes") >= 1)
    else:  # no beat tells the journal that has the message: the epoch alone tells that the file is old
        assert boxes.queue.one("SELECT journal FROM boxes") == 0
    proxy.unplug()
    box.stop()
    proxy.heal()
    shutil.copyfile(kept, file)
    box.bank.release(1, forget=True)
    with running(box):
        eventually(lambda: boxes.queue.state(message_id) == "in_doubt")
        other = boxes.queue.send("other")
        boxes.queue.becomes(other, "sent", 60)
    assert boxes.queue.state(message_id) == "in_doubt"
    assert boxes.counts() == {"other": 1}
