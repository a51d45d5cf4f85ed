"""Facts about the modem and the SIMs of a port that outlive one connection."""

from __future__ import annotations

from dataclasses import dataclass

from modem.driver.card_identity import CardIdentities
from modem.driver.identity import Identity


@dataclass(slots=True)
class NetworkLoss:
    """The loss of the network by one SIM, and the stages of the restarted search that it went through."""

    iccid: str
    since: float  # monotonic seconds
    stages: int = 0  # that were gone through
    last_at: float = 0.0  # when the last stage began
    look_at: float = (
        0.0  # the next stage may not begin earlier, because the last look found a reason against it
    )

    def enter_stage(self, now: float) -> int:
        """Count the next stage as begun at `now`, and return its number from 0."""
        self.stages, self.last_at = self.stages + 1, now
        return self.stages - 1

    def postpone(self, until: float) -> None:
        """Begin no stage before `until`, in monotonic seconds."""
        self.look_at = until


class ModemRecord:
    """The facts that one port remembers. Used from the port's thread only."""

    def __init__(self, port: int) -> None:
        self.identities = CardIdentities(port)  # of the SIMs that this port has seen
        self._identity = Identity()  # of the modem that the other facts are about
        self._tells_references = False
        self._owed = 0
        self._loss: NetworkLoss | None = None

    @property
    def tells_references(self) -> bool:
        """Whether this modem answers AT+CMGS with a TP-MR (see `Channel`)."""
        return self._tells_references

    @property
    def owed(self) -> int:
        """For how many parts the modem still owes an answer (see `Channel`)."""
        return self._owed

    @property
    def loss(self) -> NetworkLoss | None:
        """The present loss of the network by the active SIM; None while there is none."""
        return self._loss

    def recognise(self, identity: Identity) -> None:
        """Remember the modem's identity, and forget what was learned where this may be another modem."""
        if not identity.is_same(self._identity):
            self._tells_references = False
        self._identity = identity

    def learn_references(self, *, tells: bool) -> None:
        """Remember whether this modem reports references."""
        self._tells_references = tells

    def set_owed(self, parts: int) -> None:
        """Remember for how many parts the modem still owes an answer."""
        self._owed = parts

    def begin_loss(self, iccid: str, now: float) -> NetworkLoss:
        """Remember that the SIM `iccid` has had no network since `now`, in monotonic seconds."""
        self._loss = NetworkLoss(iccid, now)
        return self._loss

    def end_loss(self) -> None:
        """Forget the loss: the SIM has its network, or another SIM is there."""
        self._loss = None
