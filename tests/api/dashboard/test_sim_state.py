"""The state of a SIM in words: the fault that a person can cure comes before all others."""

from __future__ import annotations

from typing import Any

import pytest

from api.dashboard.sim_state import state_of
from gatewayd.sims.port_registry import Presence
from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.port.status import PortState, PortStatus, SlotStatus

SIM = {"enabled": True, "suspected_blocked_since": None}
UP = {"up": True, "registered": True, "active": True, "busy": False, "there": True}


def state(
    sim: dict[str, Any] | None = None,
    place: dict[str, bool] | None = None,
    *,
    card: SimState = SimState.READY,
    port: PortState = PortState.UP,
    registration: Registration = Registration.HOME,
    rests: bool = False,
) -> tuple[str, str]:
    slot = SlotStatus(1, card, registration=registration)
    presence = Presence(1, 1, 1, last_up=0.0, **{**UP, **(place or {})})
    found = state_of({**SIM, **(sim or {})}, presence, PortStatus(1, "", port, "", (slot,), 1), rests)
    return str(found.text), found.tone


DOWN = {"up": False, "registered": False, "active": False}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (state(), ("ready", "good")),
        (state(place={"active": False}), ("ready, not active", "good")),
        (state(place={"busy": True}), ("sending", "work")),
        (state(rests=True), ("rests after failures", "warn")),
        (state({"enabled": False, "suspected_blocked_since": "x"}), ("disabled", "off")),
        (state({"suspected_blocked_since": "x"}, rests=True), ("perhaps blocked by its operator", "bad")),
        (state(place=DOWN, card=SimState.PIN_REQUIRED, port=PortState.SICK), ("needs its PIN", "bad")),
        (state(place=DOWN, card=SimState.PUK_REQUIRED), ("locked: needs its PUK", "bad")),
        (
            state(place={"registered": False}, registration=Registration.DENIED),
            ("refused by the network", "bad"),
        ),
        (
            state(place={"registered": False}, registration=Registration.UNKNOWN),
            ("without a network", "warn"),
        ),
        (state(place=DOWN, port=PortState.STARTING), ("starting", "work")),
        (state(place=DOWN, port=PortState.ABSENT), ("its modem is not connected", "bad")),
        (state(place=DOWN, port=PortState.PAUSED), ("its port is paused", "off")),
        (state(place=DOWN), ("waits in its slot", "off")),
        (state(place={**DOWN, "there": False}, card=SimState.ABSENT), ("not in the box", "off")),
    ],
)
def test_the_state_of_a_sim_in_words(found: tuple[str, str], expected: tuple[str, str]) -> None:
    assert found == expected


def test_a_sim_that_was_never_placed_is_not_in_the_box() -> None:
    assert state_of(SIM, None, None, rests=False).text == "not in the box"
