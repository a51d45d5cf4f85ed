"""The recent history of one port: when its slots were active, when it last submitted, and whose turn it is now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modem.driver.sim import SimState
from modem.parts import Submitted
from modem.port.interface import Outcome
from modem.port.status import PortState, PortStatus

# A modem that used the given TP-MR for this many parts in a row is known to use it: the odds of chance are 1 to 16 million.
_KEPT_IN_A_ROW = 3


@dataclass(frozen=True, slots=True)
class Turn:
    """A port whose active SIM may send now. Times are monotonic seconds."""

    status: PortStatus
    sim_id: int
    slot_sims: dict[int, int]  # slot → SIM id, of the slots whose SIM could work
    active_since: float
    last_submission: float
    left_at: dict[int, float]  # slot → when it was last active, of the other slots


@dataclass(slots=True)
class PortHistory:
    """The history of one port since the start. Only the port's own thread may use it."""

    active_slot: int = 0
    active_since: float = 0.0
    left_at: dict[int, float] = field(default_factory=dict)  # slot → when it was last active
    last_submission: float = float("-inf")
    last_outcome: Outcome | None = None
    references_kept: int = 0  # how many parts in a row its modem sent with the TP-MR that it was given

    def note_status(self, status: PortStatus, now: float) -> None:
        """Record a change of the active slot."""
        if status.active_slot != self.active_slot:
            self.left_at[self.active_slot] = now
            self.active_slot, self.active_since = status.active_slot, now

    def note_outcome(self, outcome: Outcome) -> bool:
        """Record an outcome; whether it is new. A port reports an outcome again when the store could not keep it."""
        if outcome is self.last_outcome:
            return False
        self.last_outcome, self.last_submission = outcome, outcome.ended_at
        match outcome.result:
            case Submitted(reference) if reference == outcome.submission.message_reference:
                self.references_kept += 1
            case Submitted():
                self.references_kept = 0
        return True

    @property
    def keeps_reference(self) -> bool:
        """Whether the modem is known to send with the TP-MR that it is given."""
        return self.references_kept >= _KEPT_IN_A_ROW

    def turn(self, status: PortStatus, sim_ids: Mapping[str, int]) -> Turn | None:
        """The turn of the port; None where the SIM of the active slot cannot work. `sim_ids`: by ICCID."""
        active = status.active
        if (
            status.state is not PortState.UP
            or active.sim is not SimState.READY
            or active.iccid not in sim_ids
        ):
            return None
        slot_sims = {
            slot.slot: sim_ids[slot.iccid]
            for slot in status.slots
            if slot.sim is SimState.READY and slot.iccid in sim_ids
        }
        left_at = {
            slot: self.left_at.get(slot, self.active_since) for slot in slot_sims if slot != active.slot
        }
        return Turn(
            status, slot_sims[active.slot], slot_sims, self.active_since, self.last_submission, left_at
        )
