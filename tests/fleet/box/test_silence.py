"""When a silent box counts as dead: only the time counts in which the watching box saw its silence."""

from __future__ import annotations

from dataclasses import replace

from gatewayd.fleet.box.doubt_watch import DoubtWatch
from gatewayd.fleet.box.silence import SilenceWatch, Silent
from gatewayd.fleet.queue.names import BoxRow, Doubt, FleetRow

FLEET = FleetRow("Africa/Bamako", 90, "retry", 120, 1000, 5.0, 25.0, 35.0, 30.0, 2.0, False)
OTHER = BoxRow("two", 2, "member", 7, 100, True, 60.0, True, True, 0, "x")
DEAD = Silent("two", 7, 100)


class Watching:
    """A box that looks every two seconds."""

    def __init__(self) -> None:
        self.watch = SilenceWatch("one")
        self.now = 0.0
        self.rescues: list[Silent] = []
        self.doubts: list[Silent] = []

    def look(self, row: BoxRow, *, after_s: float = 2.0, takes_s: float = 0.0) -> None:
        """Look once and see this row."""
        self.now += after_s
        asked_at = self.now
        self.now += takes_s
        due = self.watch.saw([row, replace(row, name="one")], FLEET, asked_at, self.now)
        self.rescues += due.rescues
        self.doubts += due.doubts

    def look_for(self, row: BoxRow, seconds: float) -> None:
        """Look for so long, and see the same row."""
        for _ in range(int(seconds / 2)):
            self.look(row)


def test_a_box_that_was_silent_for_the_whole_time_is_rescued() -> None:
    watching = Watching()
    watching.look_for(OTHER, 36)
    assert watching.rescues == []
    watching.look(OTHER)
    assert watching.rescues == [DEAD]


def test_a_beat_or_a_new_epoch_begins_the_time_anew() -> None:
    watching = Watching()
    for change in (replace(OTHER, beat=101), replace(OTHER, epoch=8)):
        watching.look_for(OTHER, 34)
        watching.look_for(change, 36)
    assert watching.rescues == []


def test_time_without_an_answer_does_not_count() -> None:
    watching = Watching()
    watching.look_for(OTHER, 30)
    watching.look(OTHER, after_s=60.0)  # PostgreSQL was away, and nobody could beat
    watching.look_for(OTHER, 34)
    assert watching.rescues == []
    watching.look(OTHER, takes_s=6.0)  # nor could the others while an answer took so long
    watching.look_for(OTHER, 34)
    assert watching.rescues == []
    watching.watch.forget()
    watching.look_for(OTHER, 34)
    assert watching.rescues == []


def test_started_messages_of_a_dead_box_wait_for_its_longest_submission_before_they_are_in_doubt() -> None:
    watching = Watching()
    dead = replace(OTHER, epoch=8, alive=False)
    watching.look_for(dead, 90)
    assert watching.doubts == []
    watching.look_for(dead, 4)
    assert watching.doubts[0] == Silent("two", 8, 100)
    assert watching.rescues == []


def test_a_box_that_left_is_not_watched() -> None:
    watching = Watching()
    watching.look_for(replace(OTHER, state="left"), 100)
    assert watching.rescues == watching.doubts == []


def test_a_doubt_is_due_once_it_stayed_the_same_for_long_enough() -> None:
    watch = DoubtWatch()
    doubt, another = Doubt(1, "two", 7, 0, True), Doubt(1, "two", 7, 1, True)
    assert watch.due([doubt], 120.0, 1000.0) == []
    assert watch.due([doubt], 120.0, 1119.0) == []
    assert watch.due([doubt], 120.0, 1120.0) == [doubt]
    assert watch.due([another], 120.0, 1121.0) == []  # it was retried, and is in doubt again
