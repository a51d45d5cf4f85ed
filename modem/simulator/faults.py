"""What can go wrong between a program and a modem, one switch each."""

from __future__ import annotations

import random
from enum import Enum


class Fault(Enum):
    """One way to misbehave."""

    NO_PROMPT = "no-prompt"  # +CMGS gets no prompt and no result
    SILENT_TAKEN = "silent-taken"  # the network takes the message, the modem never says so
    SILENT_LOST = "silent-lost"  # the message is lost, the modem says nothing
    LATE = "late"  # +CMGS and OK come a minute late
    REFUSED = "refused"  # +CMS ERROR: with `Faults.code`
    CTRL_Z_LOST = "ctrl-z-lost"  # the end of the text is lost on the line: the prompt stays
    RESET_BEFORE = "reset-before"  # the modem restarts before the network has the message
    RESET_AFTER = "reset-after"  # the modem restarts after the network took it, before it says so
    VANISH = (
        "vanish"  # the device goes away in the middle of a submission, and comes back on another terminal
    )
    REPORT_FIRST = "report-first"  # the status report comes before +CMGS
    RESULT_LOST = "result-lost"  # a command's final result is lost on the line
    RESULT_TWICE = "result-twice"  # ... or comes twice
    ECHO_BACK = "echo-back"  # echo is on again
    NOISE = "noise"  # bytes of noise before an answer
    URC_INSIDE = "urc-inside"  # an unsolicited line in the middle of an answer
    PAUSE_INSIDE = "pause-inside"  # an answer comes in two pieces, a third of a second apart
    SIM_BUSY = "sim-busy"  # +CMS ERROR: 314 or +CME ERROR: 14, as long as it lasts
    DEAF = "deaf"  # the modem hears and says nothing at all


ALWAYS = -1


class Faults:
    """The switches of one modem: armed for a number of times, or by chance."""

    def __init__(self, random_source: random.Random) -> None:
        self.code = 500  # what REFUSED answers
        self.rates: dict[Fault, float] = {}  # how often each comes of itself, 0 to 1
        self._armed: dict[Fault, int] = {}
        self._random = random_source

    @property
    def any(self) -> bool:
        """Whether anything is armed at all."""
        return bool(self._armed or self.rates)

    def arm(self, fault: Fault, times: int = 1) -> None:
        """Let a fault happen at its next occasions; `ALWAYS` until it is disarmed."""
        self._armed[fault] = times

    def disarm(self, fault: Fault) -> None:
        """Let it happen no more."""
        self._armed.pop(fault, None)
        self.rates.pop(fault, None)

    def take(self, fault: Fault) -> bool:
        """Whether a fault happens at this occasion."""
        if not self.any:
            return False
        left = self._armed.get(fault, 0)
        if left:
            if left == 1:
                del self._armed[fault]
            elif left > 0:
                self._armed[fault] = left - 1
            return True
        rate = self.rates.get(fault, 0.0)
        return rate > 0.0 and self._random.random() < rate
