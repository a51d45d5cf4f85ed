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
from modem.port.mailbox import Loss, Mailbox
from modem.port.status_text import WEAK_DBM

log = logging.getLogger(__name__)

# The network has answered, and its answer was no.
_DENIED: Final = frozenset({Registration.DENIED, Registration.EMERGENCY})

_CHOOSE, _RADIO, _RESTART = range(3)


class RestartNeededError(Exception):
    """The modem is to be restarted, because nothing less has helped it to find a network."""


class NetworkSearch:
    """See the module; for one connection."""

    def __init__(
        self, mailbox: Mailbox, modem: Modem, after_s: tuple[float, float, float], again_s: float
    ) -> None:
        """`after_s`: when each stage begins, in seconds since the loss. `again_s`: between two looks whether it may."""
        self._mailbox = mailbox
        self._modem = modem
        self._after_s = after_s
        self._again_s = again_s

    @property
    def due_at(self) -> float:
        """When the next stage is due, in monotonic seconds."""
        loss = self._mailbox.loss
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
        mailbox = self._mailbox
        active = mailbox.status.active
        if active.registration.carries_sms:
            self.forget()
            return False
        if mailbox.loss is None or mailbox.loss.iccid != active.iccid:
            self.forget()
            mailbox.loss = Loss(active.iccid, monotonic())
        loss = mailbox.loss
        if monotonic() < self.due_at:
            return False
        if not self._may_begin():
            loss.look_at = monotonic() + self._again_s
            return False
        stage = loss.stages
        loss.stages, loss.last_at = stage + 1, monotonic()
        log.warning(
            "port %d: no network for %.0f min though the signal is good: %s",
            mailbox.status.port,
            (loss.last_at - loss.since) / 60,
            ("the search is begun anew", "the radio is switched off and on", "the modem is restarted")[stage],
        )
        mailbox.set_condition(Condition.REGISTRATION_RESTARTED, present=True)
        if stage == _RESTART:
            raise RestartNeededError("there is signal but no network")
        mailbox.listens = False
        if stage == _RADIO:
            self._modem.network.switch_radio()
            return True
        self._modem.network.choose_operator()
        mailbox.listens = True
        return False

    def forget(self) -> None:
        """The SIM has its network, or another SIM is there."""
        self._mailbox.loss = None
        self._mailbox.set_condition(Condition.REGISTRATION_RESTARTED, present=False)

    def _may_begin(self) -> bool:
        """Whether nothing is under way or waits, the network did not say no, and no person chose it."""
        mailbox, network = self._mailbox, self._modem.network
        if mailbox.outcome is not None or mailbox.ussd_orders or mailbox.busy_s() > 0:
            return False
        states = network.registrations()
        if any(state.carries_sms or state in _DENIED for state in states):
            return False
        signal_dbm = network.signal_dbm()
        return signal_dbm is not None and signal_dbm >= WEAK_DBM and network.chosen_by_hand() is False
