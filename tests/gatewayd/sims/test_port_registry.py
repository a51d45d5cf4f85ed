"""The registry of ports tells its followers of changes that matter to where messages are planned, and of no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gatewayd.sims.port_registry import PortRegistry
from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.port.status import PortState, PortStatus, SlotStatus

CARD = "8922302000000000001"
SLOT = SlotStatus(1, SimState.READY, CARD, registration=Registration.HOME)
UP = PortStatus(1, "/dev/ttyUSB0", PortState.UP, "", (SLOT,), 1)


class Followed:
    """A registry with one SIM that can send, and the number of changes that it told since."""

    def __init__(self) -> None:
        self.registry = PortRegistry()
        self.registry.publish(UP, {CARD: 7}, now=1.0)
        self.told = 0
        self.registry.follow(self._tell)

    def _tell(self) -> None:
        self.told += 1

    def publish(self, status: PortStatus) -> None:
        """Publish a status of the port."""
        self.registry.publish(status, {CARD: 7}, now=2.0)


@pytest.mark.parametrize(
    "status",
    [
        pytest.param(replace(UP, slots=(replace(SLOT, registration=Registration.DENIED),)), id="no network"),
        pytest.param(replace(UP, state=PortState.ABSENT), id="modem gone"),
        pytest.param(replace(UP, state=PortState.PAUSED), id="paused"),
        pytest.param(replace(UP, slots=(SlotStatus(1, SimState.ABSENT),)), id="card taken out"),
        pytest.param(
            replace(UP, active_slot=2, slots=(SLOT, SlotStatus(2, SimState.ABSENT))), id="other slot"
        ),
    ],
)
def test_a_sim_that_cannot_send_any_more_is_told_and_its_return_too(status: PortStatus) -> None:
    followed = Followed()
    followed.publish(status)
    assert followed.told == 1
    followed.publish(status)
    assert followed.told == 1
    followed.publish(UP)
    assert followed.told == 2


@pytest.mark.parametrize(
    "status",
    [UP, replace(UP, busy=True), replace(UP, detail="The signal is weak.")],
    ids=["same", "busy", "weak"],
)
def test_the_work_of_a_port_is_no_change(status: PortStatus) -> None:
    followed = Followed()
    followed.publish(status)
    assert followed.told == 0
