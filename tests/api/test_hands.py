"""The threads that answer requests: which of them does what, and how they end."""

from __future__ import annotations

import threading

import pytest

from api.hands import Hands

DEADLINE_S = 10.0


class Job:
    """A task that tells when it begins, and ends when it is told to."""

    def __init__(self, ends: bool = True) -> None:
        self.thread = ""
        self.begun, self.go_on = threading.Event(), threading.Event()
        if ends:
            self.go_on.set()

    def service(self) -> None:
        self.thread = threading.current_thread().name
        self.begun.set()
        assert self.go_on.wait(DEADLINE_S)


class Failure:
    def service(self) -> None:
        raise SystemExit("even that")


def at_rest(hands: Hands, count: int) -> None:
    """Wait until so many threads rest: each of as many jobs at a time needs one of its own."""
    jobs = [Job(ends=False) for _ in range(count)]
    for job in jobs:
        hands.add_task(job)
    for job in jobs:
        assert job.begun.wait(DEADLINE_S)
        job.go_on.set()


def test_one_after_the_other_is_done_by_the_same_thread_and_two_at_a_time_by_two() -> None:
    hands = Hands(4)
    at_rest(hands, 4)
    resting = threading.Event()
    names: list[str] = []
    for _ in range(20):
        job = Job()
        hands.add_task(job)
        assert job.begun.wait(DEADLINE_S)
        names.append(job.thread)
        resting.wait(0.02)  # until it rests again
    assert len(set(names[1:])) == 1
    first, second = Job(ends=False), Job()
    hands.add_task(first)
    hands.add_task(second)
    assert second.begun.wait(DEADLINE_S)
    first.go_on.set()
    assert first.thread != second.thread
    hands.end()
    assert hands.wait_ended(DEADLINE_S)


def test_what_finds_no_thread_waits_its_turn_also_behind_what_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hands = Hands(1)
    busy, third, fourth = Job(ends=False), Job(ends=False), Job()
    for task in (busy, Failure(), third, fourth):
        hands.add_task(task)
    assert busy.begun.wait(DEADLINE_S)
    assert not third.begun.wait(0.05)
    busy.go_on.set()
    assert third.begun.wait(DEADLINE_S)
    assert "A request could not be answered" in caplog.text
    assert not fourth.begun.is_set()
    third.go_on.set()
    assert fourth.begun.wait(DEADLINE_S)
    hands.end()
    assert hands.wait_ended(DEADLINE_S)


def test_the_end_waits_for_what_is_done_and_leaves_the_rest_undone() -> None:
    hands = Hands(2)
    jobs = [Job(ends=False) for _ in range(3)]
    for job in jobs:
        hands.add_task(job)
    assert jobs[0].begun.wait(DEADLINE_S)
    assert jobs[1].begun.wait(DEADLINE_S)
    hands.end()
    hands.end()
    assert not hands.wait_ended(0.05)
    for job in jobs:
        job.go_on.set()
    assert hands.wait_ended(DEADLINE_S)
    assert not jobs[2].begun.is_set()
    hands.add_task(Job())  # nobody is there any more, and nothing happens
