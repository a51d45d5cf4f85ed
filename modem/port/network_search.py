"""Begins the search for a network anew where a SIM has had none for long though its signal is good.

Some modems never find their network again after it was away: they hold on to a search that has ended. Each stage is
harsher than the one before: automatic choice of an operator (27.007, 7.3), the radio off and on (8.2), a restart.
"""

from __future__ import annotations

import logging
from time import monotonic
from typing import Final

from modem.driver.modem import Modem
from modem.driver.registration import Registration
from modem.port.conditions import Condition
from modem.port.mailbox import Desk, Loss
from modem.port.status_text import WEAK_DBM

log = logging.getLogger(__name__)

# The network has answered, and its answer was no.
_DENIED: Final = frozenset({Registration.DENIED, Registration.EMERGENCY})

_CHOOSE, _RADIO, _RESTART = range(3)


class RestartNeededError(Exception):
    """The modem is to be restarted, because nothing less has helped it to find a network."""


class Search:
    """See the module; for one connection."""

    def __init__(self, desk: Desk, modem: Modem, after_s: tuple[float, float, float], again_s: float) -> None:
        """`after_s`: when each stage begins, in seconds since the loss. `again_s`: between two looks whether it may."""
        self._desk = desk
        self._modem = modem
        self._after_s = after_s
        self._again_s = again_s

    @property
    def due_at(self) -> float:
        """When the next stage is due, in monotonic seconds."""
        loss = self._desk.loss
        if loss is None or loss.stages == len(self._after_s):
            return float("inf")
        after_s = self._after_s[loss.stages]
        # A stage that had to wait does not bring the next ones closer to it.
        before_s = self._after_s[loss.stages - 1] if loss.stages else 0.0
        return max(loss.since + after_s, loss.last_at + after_s - before_s, loss.look_at)

    def step(self) -> bool:
        """Go through the next stage if it is due and nothing is against it. Whether the modem is to be set up again.

        Raises RestartNeededError where the next stage is a restart.
        """
        desk = self._desk
        active = desk.status.active
        if active.registration.carries_sms:
            self.forget()
            return False
        if desk.loss is None or desk.loss.iccid != active.iccid:
            self.forget()
            desk.loss = Loss(active.iccid, monotonic())
        loss = desk.loss
        if monotonic() < self.due_at:
            return False
        if not self._may_begin():
            loss.look_at = monotonic() + self._again_s
            return False
        stage = loss.stages
        loss.stages, loss.last_at = stage + 1, monotonic()
        log.warning(
            "port %d: no network for %.0f min though the signal is good: %s",
            desk.status.port,
            (loss.last_at - loss.since) / 60,
            ("the search is begun anew", "the radio is switched off and on", "the modem is restarted")[stage],
        )
        desk.set_condition(Condition.REGISTRATION_RESTARTED, present=True)
        if stage == _RESTART:
            raise RestartNeededError("there is signal but no network")
        desk.listens = False
        if stage == _RADIO:
            self._modem.coverage.switch_radio()
            return True
        self._modem.coverage.choose_operator()
        desk.listens = True
        return False

    def forget(self) -> None:
        """The SIM has its network, or another SIM is there."""
        self._desk.loss = None
        self._desk.set_condition(Condition.REGISTRATION_RESTARTED, present=False)

    def _may_begin(self) -> bool:
        """Whether nothing is under way or waits, the network did not say no, and no person chose it."""
        desk, coverage = self._desk, self._modem.coverage
        if desk.outcome is not None or desk.ussd_orders or desk.busy_s() > 0:
            return False
        states = coverage.registrations()
        if any(state.carries_sms or state in _DENIED for state in states):
            return False
        signal_dbm = coverage.signal_dbm()
        return signal_dbm is not None and signal_dbm >= WEAK_DBM and coverage.chosen_by_hand() is False
