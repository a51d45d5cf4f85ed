"""Pauses a SIM that fails several recipients in a row, then tries it with one message.

Repeated failures of one recipient do not count against the SIM; failures of different recipients do. A SIM that the network
refuses again and again, while other SIMs of its operator send, is suspected of being blocked: then its rests are longer.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from gatewayd.sims.port_registry import PortRegistry
from gatewayd.timekeeping.clock import Clock
from modem.errors import Cause, Kind
from modem.parts import InDoubt, Refused, Submitted
from modem.port.interface import Outcome

log = logging.getLogger(__name__)

# This many recipients in a row must fail: operators answer "network out of order" also in a moment of congestion.
_IN_A_ROW = 3

# A rest doubles with each failed try, up to a quarter of an hour: people buy credit and lift barrings.
_FIRST_REST_S = 60.0
_LONGEST_REST_S = 900.0

# An operator that blocks a SIM counts its tries, and lifts the block after hours or days.
_FIRST_BLOCKED_REST_S = 900.0
_LONGEST_BLOCKED_REST_S = 21_600.0

# +CMS ERROR codes from 0 to 255 are the network's (24.011, 23.040); from 300 the modem's (27.005), except 500, with which modems
# say that the network gave no reason.
_FIRST_OF_MODEM = 300
_NO_REASON = 500


@dataclass(slots=True)
class CircuitBreaker:
    """The failures of one SIM since its last success."""

    recipients: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)  # recipients to whom the network refused a message
    refused_since: float = 0.0  # monotonic seconds, of the first of them
    doublings: int = 0  # of the first rest

    def after(self, outcome: Outcome, *, enough: int = 0, suspected: bool = False) -> float:
        """Count an outcome; how long the SIM must rest now, in seconds, 0 where it need not.

        `enough`: so many refused recipients are remembered. `suspected`: the SIM may be blocked.
        """
        match outcome.result:
            case Submitted():
                self.recipients.clear()
                self.refused.clear()
                self.doublings = 0
                return 0.0
            case Refused(cause) if cause.kind is Kind.RECIPIENT or cause.family == "LOCAL":
                return 0.0
            case Refused() | InDoubt():
                if len(self.recipients) < _IN_A_ROW:  # more recipients add no information
                    self.recipients.add(outcome.submission.recipient)
        if isinstance(outcome.result, Refused) and _is_by_network(outcome.result.cause):
            self._refused(outcome, enough)
        if len(self.recipients) < _IN_A_ROW and not suspected:
            return 0.0
        return self.next_rest_s(suspected=suspected)

    def next_rest_s(self, *, suspected: bool) -> float:
        """The next rest in seconds, which is longer than the last one."""
        first_s, longest_s = (
            (_FIRST_BLOCKED_REST_S, _LONGEST_BLOCKED_REST_S)
            if suspected
            else (_FIRST_REST_S, _LONGEST_REST_S)
        )
        rest_s: float = min(first_s * 2**self.doublings, longest_s)
        if rest_s < longest_s:  # more doublings would overflow a float in the end
            self.doublings += 1
        return rest_s

    def _refused(self, outcome: Outcome, enough: int) -> None:
        if not self.refused:
            self.refused_since = outcome.started_at
        if len(self.refused) < enough:
            self.refused.add(outcome.submission.recipient)


def _is_by_network(cause: Cause) -> bool:
    """Whether the network refused a message, for a reason that is not the recipient's and not of the configuration."""
    return (
        cause.kind in (Kind.SIM, Kind.MOMENT)
        and cause.family == "CMS"
        and cause.code is not None
        and (cause.code < _FIRST_OF_MODEM or cause.code == _NO_REASON)
    )


class CircuitBreakers:
    """One circuit breaker for each SIM of one port. Only the port's own thread may use it."""

    def __init__(self, clock: Clock, port_registry: PortRegistry, blocked_after: int) -> None:
        self._clock = clock
        self._port_registry = port_registry
        self._blocked_after = blocked_after  # refused recipients in a row; 0: no SIM is suspected
        self._of_sim: dict[int, CircuitBreaker] = {}

    def count(self, port: int, sim_id: int, outcome: Outcome) -> bool:
        """Count an outcome of a SIM; whether the SIM rests from now on."""
        if isinstance(outcome.result, Submitted):
            self._port_registry.sent(sim_id, outcome.ended_at)
        breaker = self._of_sim.setdefault(sim_id, CircuitBreaker())
        suspected = self._port_registry.is_suspected(sim_id)
        rest_s = breaker.after(outcome, enough=self._blocked_after, suspected=suspected)
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

    def refused_since(self, sim_id: int) -> float | None:
        """Since when (monotonic seconds) the network has refused so many recipients of a SIM that it may be blocked.

        None: it has not, or the SIM is suspected already.
        """
        breaker = self._of_sim.get(sim_id)
        if breaker is None or not self._blocked_after or self._port_registry.is_suspected(sim_id):
            return None
        return breaker.refused_since if len(breaker.refused) >= self._blocked_after else None

    def suspect(self, sim_id: int) -> float:
        """A SIM is suspected of being blocked, durably: it rests from now on, for this many seconds."""
        breaker = self._of_sim.setdefault(sim_id, CircuitBreaker())
        breaker.doublings = 0
        self._port_registry.suspect(sim_id)
        rest_s = breaker.next_rest_s(suspected=True)
        self._port_registry.rest(sim_id, self._clock.monotonic() + rest_s)
        return rest_s
