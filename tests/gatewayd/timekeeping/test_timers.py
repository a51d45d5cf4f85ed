"""Timers run in order, and outlive failures."""

from __future__ import annotations

import threading

from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.timekeeping.clock import Clock
from gatewayd.timekeeping.timers import Timers
from tests.conftest import eventually


def test_timers_run_in_the_order_of_their_times_and_outlive_a_failure() -> None:
    timers, ran = Timers(Clock()), []
    done = threading.Event()

    def fail() -> None:
        raise KeyError("one of them")

    timers.after(0.06, done.set)
    timers.after(0.04, lambda: ran.append(2))
    timers.after(0.02, lambda: ran.append(1))
    timers.after(0.0, fail)
    timers.start()
    assert done.wait(60)
    assert ran == [1, 2]
    timers.stop(5)


def test_a_timer_that_cannot_write_is_tried_again() -> None:
    timers = Timers(Clock(), again_s=0.01)
    tries: list[int] = []

    def write() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise StoreUnavailableError("the disk is full")

    timers.after(0, write)
    timers.start()
    eventually(lambda: len(tries) == 3)
    timers.stop(5)
