"""Pauses a SIM that fails several recipients in a row, then tries it with one message.

Repeated failures of one recipient do not count against the SIM; failures of different recipients do.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from gatewayd.sims.port_registry import PortRegistry
from gatewayd.timekeeping.clock import Clock
from modem.errors import Kind
from modem.parts import InDoubt, Refused, Submitted
from modem.port.interface import Outcome

log = logging.getLogger(__name__)

# This many recipients in a row must fail: operators answer "network out of order" also in a moment of congestion.
_IN_A_ROW = 3

# A rest doubles with each failed try, up to a quarter of an hour: people buy credit and lift barrings.
_FIRST_REST_S = 60.0
_LONGEST_REST_S = 900.0


@dataclass(slots=True)
class CircuitBreaker:
    """The failures of one SIM since its last success."""

    recipients: set[str] = field(default_factory=set)
    doublings: int = 0  # of the first rest

    def after(self, outcome: Outcome) -> float:
        """Count an outcome; how long the SIM must rest now, in seconds, 0 where it need not."""
        match outcome.result:
            case Submitted():
                self.recipients.clear()
                self.doublings = 0
                return 0.0
            case Refused(cause) if cause.kind is Kind.RECIPIENT or cause.family == "LOCAL":
                return 0.0
            case Refused() | InDoubt():
                if len(self.recipients) < _IN_A_ROW:  # more recipients add no information
                    self.recipients.add(outcome.submission.recipient)
        if len(self.recipients) < _IN_A_ROW:
            return 0.0
        rest_s: float = min(_FIRST_REST_S * 2**self.doublings, _LONGEST_REST_S)
        if rest_s < _LONGEST_REST_S:  # more doublings would overflow a float in the end
            self.doublings += 1
        return rest_s


class CircuitBreakers:
    """One circuit breaker for each SIM of one port. Only the port's own thread may use it."""

    def __init__(self, clock: Clock, port_registry: PortRegistry) -> None:
        self._clock = clock
        self._port_registry = port_registry
        self._of_sim: dict[int, CircuitBreaker] = {}

    def count(self, port: int, sim_id: int, outcome: Outcome) -> bool:
        """Count an outcome of a SIM; whether the SIM rests from now on."""
        rest_s = self._of_sim.setdefault(sim_id, CircuitBreaker()).after(outcome)
        if not rest_s:
            return False
        log.warning(
            "port %d: SIM %d failed one recipient after another; it rests for %g s, then it is tried with one message."
            " Does it have credit? Is it barred?",
            port,
            sim_id,
            rest_s,
        )
        self._port_registry.rest(sim_id, self._clock.monotonic() + rest_s)
        return True
