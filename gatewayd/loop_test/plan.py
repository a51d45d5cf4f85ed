"""Plans the pairs of a loop test: which SIM texts which."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from config.language.text import Text
from gatewayd.errors import ConflictError
from gatewayd.messages.reasons import Reason

_PLACE = re.compile(
    r"(?P<port>[0-9]{1,4})(?:\.(?P<slot>[0-9]{1,2}))?|(?i:sim):(?P<sim>[0-9]{1,15})", re.ASCII
)

UNREGISTERED = Reason(
    "The SIM is not registered with a network: nothing was sent. `gatewayd status` shows more.",
    "La SIM n'est pas enregistrée sur un réseau : rien n'a été envoyé. `gatewayd status` en dit plus.",
)
AT_ITS_LIMIT = Reason(
    "The SIM has reached its daily or monthly limit: nothing was sent. `gatewayd sim set` changes it.",
    "La SIM a atteint sa limite du jour ou du mois : rien n'a été envoyé. `gatewayd sim set` la change.",
)


@dataclass(frozen=True, slots=True)
class SimAddress:
    """A SIM as a person names it: by its port and slot (no slot: the active one), or by its id."""

    port: int | None
    slot: int | None
    sim_id: int | None

    @classmethod
    def read(cls, text: str) -> SimAddress:
        """Parse `PORT`, `PORT.SLOT` or `sim:ID`. Raises ValueError with a sentence for a person."""
        found = _PLACE.fullmatch(text)
        if found is None:
            raise ValueError(Text("must be PORT, PORT.SLOT or sim:ID, as 2, 2.1 or sim:7"))
        return cls(*(None if found[name] is None else int(found[name]) for name in ("port", "slot", "sim")))

    @property
    def shown(self) -> Text:
        """The SIM, in words."""
        if self.sim_id is not None:
            return Text("SIM {sim}", sim=self.sim_id)
        if self.slot is None:
            return Text("port {port}", port=self.port)
        return Text("port {port} slot {slot}", port=self.port, slot=self.slot)


@dataclass(frozen=True, slots=True)
class SimInService:
    """A SIM that is up and in service."""

    sim_id: int
    port: int
    slot: int
    number: str  # E.164; "": unknown
    cost: float
    active: bool  # the modem uses its slot
    registered: bool
    has_room: bool  # within its limits

    @property
    def obstacle(self) -> Reason | None:
        """Why it cannot send now; None: it can."""
        if self.active and not self.registered:  # the registration of a slot that is not active is unknown
            return UNREGISTERED
        return None if self.has_room else AT_ITS_LIMIT


@dataclass(frozen=True, slots=True)
class Pair:
    """The sender and the recipient of one text."""

    sender: SimInService
    target: SimInService


def plan(sims_up: Sequence[SimInService], source: SimAddress | None, target: SimAddress | None) -> list[Pair]:
    """Pairs in which every SIM texts the next one with a known number; a single SIM texts itself.

    `source` and `target` restrict the pairs. Raises ConflictError where no pair is possible.
    """
    ring = sorted(sims_up, key=lambda sim: (sim.port, sim.slot))
    if not ring:
        raise ConflictError(Text("No SIM is up: the overview and `gatewayd status` show why"))
    senders = ring if source is None else [_at(ring, source)]
    if target is not None:
        wanted = _at(ring, target)
        if not wanted.number:
            raise ConflictError(
                Text(
                    "The number of {target} is not known. {remedy}",
                    target=target.shown,
                    remedy=nameless([wanted])[0],
                )
            )
        others = [sim for sim in senders if sim is not wanted]
        return [Pair(sender, wanted) for sender in others or [wanted]]
    if not any(sim.number for sim in ring):
        raise ConflictError(
            Text("No SIM has a known number, so none can be texted. {remedy}", remedy=nameless(ring[:1])[0])
        )
    return [Pair(sender, _following(ring, sender)) for sender in senders]


def nameless(sims_up: Sequence[SimInService]) -> list[str]:
    """One sentence for each SIM without a known number: how to set it."""
    return [
        Text(
            "SIM {sim} (port {port}, slot {slot}) can be texted once its number is set: `gatewayd sim set {sim} --number +…`",
            sim=sim.sim_id,
            port=sim.port,
            slot=sim.slot,
        )
        for sim in sims_up
        if not sim.number
    ]


def _following(ring: list[SimInService], sender: SimInService) -> SimInService:
    """The next SIM with a known number, registered ones first; the sender itself comes last."""
    begin = ring.index(sender) + 1
    after = [sim for sim in ring[begin:] + ring[:begin] if sim.number]
    return next((sim for sim in after if sim.obstacle is not UNREGISTERED), after[0])


def _at(ring: list[SimInService], place: SimAddress) -> SimInService:
    for sim in ring:
        if place.sim_id is not None:
            fits = sim.sim_id == place.sim_id
        else:
            fits = sim.port == place.port and (sim.active if place.slot is None else sim.slot == place.slot)
        if fits:
            return sim
    raise ConflictError(
        Text(
            "There is no SIM in service and up at {place}: the overview and `gatewayd status` show why",
            place=place.shown,
        )
    )
