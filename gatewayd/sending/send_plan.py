"""The plan of many messages: their parts, the SIMs that would take them now, and the cost. Nothing is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gatewayd.errors import storage_errors
from gatewayd.records import Caller, Draft
from gatewayd.sending.intake import Intake
from gatewayd.store.interfaces import AnyStore
from modem.sms.segmentation import segment


@dataclass(frozen=True, slots=True)
class SimShare:
    """The messages that one SIM would take."""

    sim_id: int
    number: str
    operator: str
    messages: int
    parts: int
    cost: float


@dataclass(frozen=True, slots=True)
class SendPlan:
    """The shares of the SIMs. `without_sim`: messages that no SIM may take now."""

    parts: int
    shares: tuple[SimShare, ...]
    without_sim: int

    @property
    def cost(self) -> float:
        """The cost of all messages that a SIM would take."""
        return round(sum(share.cost for share in self.shares), 9)


def send_plan(
    store: AnyStore, intake: Intake, caller: Caller, drafts: Sequence[Draft], sim_id: int | None
) -> SendPlan:
    """Plan messages as they would be given to SIMs at this moment. `sim_id`: the only SIM that may take them.

    Raises StorageUnavailableError.
    """
    parts = [len(segment(draft.text)) for draft in drafts]
    with storage_errors():
        # The counts of the queues may be in the memory of the writing connection; the rest is read beside it.
        waiting = store.write(intake.waiting)
        with store.lists.lend() as db:
            router = intake.router(db, waiting, caller.company_id)
            shares: dict[int, SimShare] = {}
            without_sim = 0
            for draft, count in zip(drafts, parts, strict=True):
                sim = router.choose(sim_id, intake.operator(draft.recipient), draft.recipient, count)
                if sim is None:
                    without_sim += 1
                    continue
                sim.take(draft.recipient, count)
                known = shares.get(sim.id) or SimShare(sim.id, sim.number, sim.operator, 0, 0, 0.0)
                shares[sim.id] = SimShare(
                    sim.id,
                    sim.number,
                    sim.operator,
                    known.messages + 1,
                    known.parts + count,
                    known.cost + sim.cost * count,
                )
    return SendPlan(sum(parts), tuple(shares.values()), without_sim)
