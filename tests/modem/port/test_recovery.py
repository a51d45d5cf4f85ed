"""The steps of recovery: their order, their pauses, and the events that reset them."""

from __future__ import annotations

from modem.port.recovery import Recovery, Step
from modem.timeouts import Timing

TIMING = Timing(
    look_s=1, refused_s=5, reopen_s=2, reset_s=8, rests_s=(5, 15, 60), away_s=(60, 300), command_s=30
)


def climb(recovery: Recovery, count: int) -> list[tuple[bool, bool, float]]:
    steps = [recovery.modem_failed(proven=False) for _ in range(count)]
    return [(step.restart, step.command, step.pause_s) for step in steps]


def test_a_faulty_modem_is_reopened_then_restarted_then_rests_longer_and_longer() -> None:
    assert climb(Recovery(TIMING, has_command=False), 6) == [
        (False, False, 2),
        (True, False, 8),
        (True, False, 13),
        (True, False, 23),
        (True, False, 68),
        (True, False, 68),
    ]


def test_the_command_comes_between_the_restart_and_the_rest() -> None:
    assert climb(Recovery(TIMING, has_command=True), 5) == [
        (False, False, 2),
        (True, False, 8),
        (False, True, 8),
        (True, True, 13),
        (True, True, 23),
    ]


def test_each_step_has_its_text() -> None:
    recovery = Recovery(TIMING, has_command=True)
    assert [recovery.modem_failed(proven=False).text for _ in range(4)] == [
        "the port opens it again",
        "it is restarted",
        "reset_command is run",
        "it is restarted, reset_command is run, and it rests for 5 s",
    ]


def test_a_modem_that_submitted_a_part_begins_with_the_first_step() -> None:
    recovery = Recovery(TIMING, has_command=False)
    climb(recovery, 5)
    assert recovery.modem_failed(proven=True) == Step("the port opens it again", 2)
    assert climb(recovery, 1) == [(True, False, 8)]


def test_a_device_that_stays_away_gets_the_command_at_growing_intervals() -> None:
    recovery = Recovery(TIMING, has_command=True)
    times = [now for now in range(1000) if recovery.away(now).command]
    assert times == [60, 360, 660, 960]
    recovery.modem_failed(proven=False)
    assert [now for now in range(1000, 1100) if recovery.away(now).command] == [1060]
    without = Recovery(TIMING, has_command=False)
    assert {without.away(now) for now in range(1000)} == {Step("it is looked for", 1)}


def test_a_device_that_is_lost_again_before_it_comes_up_is_opened_less_and_less_often() -> None:
    recovery = Recovery(TIMING, has_command=True)
    pauses = [recovery.lost(now, young=now > 0).pause_s for now in range(5)]
    assert pauses == [1, 1, 2, 4, 5]
    assert recovery.lost(60, young=True).command
    assert recovery.lost(61, young=False).pause_s == 1


def test_a_device_that_is_lost_at_each_submission_rests_longer_and_longer_until_one_succeeds() -> None:
    recovery = Recovery(TIMING, has_command=True)

    def lose(*, proven: bool = False) -> tuple[bool, float]:
        step = recovery.lost(0, young=False, carrying=True, proven=proven)
        return step.command, step.pause_s

    assert [lose() for _ in range(6)] == [
        (False, 1),
        (False, 1),
        (True, 5),
        (True, 15),
        (True, 60),
        (True, 60),
    ]
    assert recovery.lost(0, young=True).pause_s == 1  # the device comes back
    assert lose() == (True, 60)
    assert lose(proven=True) == (False, 1)


def test_a_device_that_cannot_be_opened_is_tried_again_without_the_command() -> None:
    recovery = Recovery(TIMING, has_command=True)
    assert {recovery.refused() for _ in range(100)} == {Step("it is tried again", 5)}
