"""The box tells of ports that stay down, of its disk and of its clock, each state once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gatewayd.events import box_watch
from gatewayd.events.box_watch import BoxWatch
from gatewayd.store.engine.disk import LITTLE_BYTES, Condition, State
from gatewayd.store.store import Store
from gatewayd.timekeeping.clock import SECOND, ClockStatus
from modem.port.status import PortState
from tests.gatewayd.events.reading import BOX, events, types
from tests.gatewayd.played_ports import PlayedGateway

A, B = "8922301000000000001", "8922301000000000002"


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path)
    played.up(1, A)
    played.up(2, B)
    yield played
    played.close()


def watch(played: PlayedGateway) -> BoxWatch:
    return played.gateway._box_watch  # noqa: SLF001 - it looks every five seconds


def look(played: PlayedGateway, after_s: float = 0.0) -> list[str]:
    """Let seconds pass, look, and give the types of all events of the box."""
    played.clock.passed += after_s
    watch(played).look()
    return types(played, BOX)


def test_a_port_that_works_again_within_grace_is_not_told(played: PlayedGateway) -> None:
    assert look(played) == []
    for _ in range(3):
        played.down(1)
        assert look(played) == []
        assert look(played, 119) == []
        played.up(1, A)
        assert look(played) == []


def test_a_paused_port_is_not_told(played: PlayedGateway) -> None:
    played.set_status(replace(played.statuses[1], state=PortState.PAUSED))
    assert look(played) == []
    assert look(played, 600) == []
    played.up(1, A)
    assert look(played, 600) == []


def test_a_port_that_stays_down_is_told_once_and_so_is_its_return(played: PlayedGateway) -> None:
    played.set_status(replace(played.statuses[1], state=PortState.SICK, detail="the modem does not answer"))
    look(played)
    assert look(played, 120) == ["port.down"]
    assert look(played, 600) == ["port.down"]
    (down,) = events(played, BOX)
    assert down.data == {
        "port": 1,
        "device": "/dev/tty1",
        "state": "sick",
        "detail": "the modem does not answer",
    }
    played.restart()
    played.set_status(played.statuses[1])
    look(played)
    assert look(played, 120) == ["port.down"]  # it was told before the restart
    played.up(1, A)
    assert look(played) == ["port.down", "port.up"]


def test_little_space_is_told_until_there_is_enough_again(
    played: PlayedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = LITTLE_BYTES * 2
    monkeypatch.setattr(box_watch, "free_bytes", lambda _: free)
    assert look(played) == []
    free = LITTLE_BYTES - 1
    look(played)
    free = LITTLE_BYTES + 1
    look(played)
    assert [event.data["state"] for event in events(played, BOX)] == ["little_space"]
    played.restart()
    free = LITTLE_BYTES * 2
    look(played)
    assert [event.data["state"] for event in events(played, BOX)] == ["little_space", "ok"]


def test_a_disk_that_failed_is_told_as_soon_as_it_works_again(
    played: PlayedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(played)
    condition = Condition(State.STUCK, "the disk does not answer")
    monkeypatch.setattr(Store, "condition", property(lambda _: condition))
    failed_at = played.clock.at
    assert look(played) == []
    played.clock.at += SECOND
    condition = Condition(State.OK)
    look(played)
    assert [(event.data["state"], event.at - failed_at) for event in events(played, BOX)] == [
        ("stuck", 0),
        ("ok", SECOND),
    ]


def test_a_clock_that_stays_untrusted_is_told_once(
    played: PlayedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = ClockStatus(False, None, "no source of time")
    monkeypatch.setattr(played.clock, "status", lambda: status)
    assert look(played) == []
    assert look(played, 120) == ["clock.untrusted"]
    assert look(played, 120) == ["clock.untrusted"]
    status = ClockStatus(True, "ntp", "")
    assert look(played) == ["clock.untrusted"]
    status = ClockStatus(False, None, "no source of time")
    look(played)
    assert look(played, 120) == ["clock.untrusted"] * 2
