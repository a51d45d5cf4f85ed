"""The status that a port publishes: snapshots of itself and of its slots."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.port.conditions import Condition


class PortState(Enum):
    """Where a port stands between its device and its first submission."""

    ABSENT = "absent"  # the device is not there, or cannot be opened; it is looked for until it comes
    STARTING = "starting"  # open; the modem is being brought in step, or the SIM unlocked and identified
    UP = "up"  # the modem answers and its SIM is identified: it takes work once registered
    SICK = "sick"  # the modem stopped answering, or has no SIM that works; tried again after a rest
    STOPPED = "stopped"  # the port was told to stop


@dataclass(frozen=True, slots=True)
class SlotStatus:
    """The last word about one slot of a port."""

    slot: int
    sim: SimState = SimState.UNKNOWN
    # Where the modem tells no ICCID: "imsi:" and the IMSI; where it tells neither: "port:<port>/slot:<slot>".
    iccid: str = ""
    imsi: str = ""
    number: str = (
        ""  # E.164 where the card says that it is international, else as the card has it, "" without one
    )
    operator: str = ""  # its name, or the five or six digits of its number
    registration: Registration = Registration.UNKNOWN
    signal_dbm: int | None = None
    has_smsc: bool | None = None  # whether it has a service centre; None: not known


@dataclass(frozen=True, slots=True)
class PortStatus:
    """The last word about a port: a snapshot, published whole whenever something in it changes."""

    port: int
    device: str
    state: PortState
    detail: str  # one sentence for the operator: what is, and what can be done about it
    slots: tuple[SlotStatus, ...]
    active_slot: int
    busy: bool = False  # a submission is in the air
    imei: str = ""
    model: str = ""
    switches: int = 0  # to another slot, since the start
    switch_s: float = 0.0  # what one costs on average, from the order until the SIM is registered
    # Microseconds since the epoch as the modem has them from its network, and when it told them (monotonic).
    network_time: tuple[int, float] | None = None
    conditions: tuple[
        Condition, ...
    ] = ()  # what needs an operator though the port works, in the order of the enum

    @property
    def active(self) -> SlotStatus:
        """The slot whose SIM the modem is using."""
        return self.slots[self.active_slot - 1]


@dataclass(frozen=True, slots=True)
class Answer:
    """A port's reply to `Port.ask`: does the modem say OK?"""

    port: int
    ok: bool
    busy: bool  # told by its last word, because a submission was in the air
    detail: str
