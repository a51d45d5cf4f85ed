"""The status that a port publishes: snapshots of itself and of its slots."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.port.conditions import Condition


class PortState(Enum):
    """The progress of a port, from its device to its first submission."""

    ABSENT = "absent"  # the device is missing or cannot be opened; the port looks for it again and again
    STARTING = "starting"  # the modem is being brought in step, or the SIM unlocked and identified
    UP = "up"  # the modem answers and its SIM is identified; it submits once registered
    SICK = "sick"  # the modem stopped answering, or has no SIM that works; the port tries again after a rest
    PAUSED = "paused"  # an operator paused the port: its device is closed until it is resumed
    STOPPED = "stopped"  # the port was told to stop


@dataclass(frozen=True, slots=True)
class SlotStatus:
    """The newest status of one slot of a port."""

    slot: int
    sim: SimState = SimState.UNKNOWN
    # "imsi:" and the IMSI where the modem tells no ICCID; "port:<port>/slot:<slot>" where it tells neither.
    iccid: str = ""
    imsi: str = ""
    number: str = ""  # E.164 where the SIM marks it as international, else as stored; "" without one
    operator: str = ""  # its name, or its five or six digits
    registration: Registration = Registration.UNKNOWN
    signal_dbm: int | None = None
    has_smsc: bool | None = None  # whether a service centre is set; None: not known


@dataclass(frozen=True, slots=True)
class PortStatus:
    """The newest status of a port: a snapshot, published as a whole whenever something in it changes."""

    port: int
    device: str
    state: PortState
    detail: str  # one sentence for the operator: the state, and what can be done about it
    slots: tuple[SlotStatus, ...]
    active_slot: int
    busy: bool = False  # a submission is in progress
    imei: str = ""
    model: str = ""
    switches: int = 0  # to another slot, since the start
    switch_s: float = 0.0  # average duration of a switch, from the order until the SIM is registered
    # Microseconds since the epoch as the modem has them from its network, and when they were read (monotonic seconds).
    network_time: tuple[int, float] | None = None
    # Conditions that need an operator although the port works, in the order of the enum.
    conditions: tuple[Condition, ...] = ()

    @property
    def active(self) -> SlotStatus:
        """The slot with the SIM that the modem uses."""
        return self.slots[self.active_slot - 1]


@dataclass(frozen=True, slots=True)
class Answer:
    """A port's reply to `Port.ask`: whether the modem answers AT with OK."""

    port: int
    ok: bool
    busy: bool  # the reply is the last answer, because a submission was in progress
    detail: str
