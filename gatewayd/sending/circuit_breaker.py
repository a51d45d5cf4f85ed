"""Whether a SIM still gets through: one that fails several recipients in a row rests, and is then tried with one message.

One recipient that fails again and again says nothing of the SIM; different ones do.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from modem.errors import Kind
from modem.parts import InDoubt, Refused, Submitted
from modem.port.interface import Outcome

# So many recipients in a row must fail: operators answer "network out of order" for a moment's congestion, too.
_IN_A_ROW = 3

# A rest doubles with each try that fails, up to a quarter of an hour: credit is bought and barring is lifted by people.
_FIRST_REST_S = 60.0
_LONGEST_REST_S = 900.0


@dataclass(slots=True)
class CircuitBreaker:
    """The failures of one SIM since its last success."""

    recipients: set[str] = field(default_factory=set)
    doublings: int = 0  # of the first rest

    def after(self, outcome: Outcome) -> float:
        """Take note of an outcome; how long the SIM is to rest now, in seconds, 0 if it is not."""
        match outcome.result:
            case Submitted():
                self.recipients.clear()
                self.doublings = 0
                return 0.0
            case Refused(cause) if cause.kind is Kind.RECIPIENT or cause.family == "LOCAL":
                return 0.0
            case Refused() | InDoubt():
                if len(self.recipients) < _IN_A_ROW:  # more of them tell nothing more
                    self.recipients.add(outcome.submission.recipient)
        if len(self.recipients) < _IN_A_ROW:
            return 0.0
        rest_s: float = min(_FIRST_REST_S * 2**self.doublings, _LONGEST_REST_S)
        if rest_s < _LONGEST_REST_S:  # else it grows for ever, and a power of it is no number at last
            self.doublings += 1
        return rest_s
