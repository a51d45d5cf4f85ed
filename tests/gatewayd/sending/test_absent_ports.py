"""Ports that are paused or removed: other SIMs send their messages at once, and nobody is alarmed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gatewayd.errors import SimUnavailableError
from gatewayd.operations.health import HealthState
from gatewayd.sims.port_registry import PortChange
from modem.parts import Submitted
from modem.port.interface import Rest
from modem.port.status import PortState
from tests.gatewayd.played_ports import A, B, PlayedGateway


def pause(played: PlayedGateway, port: int) -> None:
    played.set_status(replace(played.statuses[port], state=PortState.PAUSED, detail="paused"))


def test_the_messages_of_a_paused_port_move_at_once_and_none_is_pinned_to_its_sim(
    played: PlayedGateway,
) -> None:
    played.up(1, A)
    played.up(2, B)
    waiting = [played.send(f"{n}", sim=None) for n in range(4)]
    pinned = played.send("pinned", sim=played.sim(A))
    woken = played.ports[2].wakes
    pause(played, 1)
    assert played.ports[2].wakes > woken
    sent = 0
    step = played.next(2)
    while not isinstance(step, Rest):
        sent += 1
        step = played.settle(2, step, Submitted(sent))  # type: ignore[arg-type]
    assert sent == len(waiting)
    assert played.view(pinned).status.value == "pending"
    with pytest.raises(SimUnavailableError):
        played.send("also pinned", sim=played.sim(A))
    assert played.next(1) == Rest()
    played.up(1, A)
    assert played.claim(1).message_id


def test_a_removed_port_leaves_no_sim_and_its_queue_is_sent_by_others(played: PlayedGateway) -> None:
    played.up(1, A)
    played.send("waits")
    played.up(2, B)
    played.gateway.dispatcher.remove_port(1)
    assert played.sim(A) not in played.gateway.port_registry.sims()
    assert sorted(played.gateway.port_registry.ports()) == [2]
    assert played.claim(2).message_id
    played.gateway.dispatcher.add_port(1)
    played.up(1, A)
    assert played.gateway.port_registry.sims()[played.sim(A)].registered


def test_a_paused_port_is_no_fault(played: PlayedGateway) -> None:
    played.up(1, A)
    played.up(2, B)
    pause(played, 1)
    check = next(check for check in played.gateway.checks() if check.name == "ports")
    assert (check.state, check.detail) == (HealthState.PASS, "1 of 1 ports are up; paused: 1")
    pause(played, 2)
    check = next(check for check in played.gateway.checks() if check.name == "ports")
    assert check.state is HealthState.WARN
    assert "All ports are paused" in check.detail


def test_the_changes_of_a_port_leave_out_its_turns_to_other_slots(played: PlayedGateway) -> None:
    played.up(1, A, B)
    for active in (2, 1):
        played.set_status(replace(played.statuses[1], state=PortState.STARTING, detail=f"Slot {active}"))
        played.up(1, A, B, active=active)
    played.down(1)
    played.up(1, A, B)
    changes = played.gateway.port_registry.changes(1)
    assert [change.state for change in changes] == [PortState.UP, PortState.ABSENT, PortState.UP]
    assert changes[0] == PortChange(played.clock.passed, PortState.UP, "")
