"""Restarts the search for a network where a SIM has had none for long though its signal is good.

Some modems never find their network again after an outage, because they do not notice that their search has ended. Each
stage uses a stronger means: automatic choice of an operator (27.007, 7.3), the radio off and on (8.2), a restart.
"""

from __future__ import annotations

import logging
from time import monotonic
from typing import Final

from config.language.text import Text
from modem.driver.registration import Registration
from modem.port.conditions import Condition
from modem.port.connection import Connection
from modem.port.status_text import WEAK_DBM

log = logging.getLogger(__name__)

# The network answered and refused the SIM.
_DENIED: Final = frozenset({Registration.DENIED, Registration.EMERGENCY})

_CHOOSE, _RADIO, _RESTART = range(3)


class RestartNeededError(Exception):
    """The modem must be restarted, because no weaker means helped it to find a network."""


class NetworkSearch:
    """The stages of one connection. How far a SIM went is kept in the port's record, which outlives the connection."""

    def __init__(self, connection: Connection) -> None:
        self._mailbox = connection.mailbox
        self._reporter = connection.reporter
        self._record = connection.record
        self._modem = connection.modem
        self._after_s = connection.timing.anew_s  # when each stage begins, in seconds since the loss
        self._again_s = connection.timing.refresh_s  # after a look that found a reason against a stage

    @property
    def due_at(self) -> float:
        """When the next stage is due, in monotonic seconds."""
        loss = self._record.loss
        if loss is None or loss.stages == len(self._after_s):
            return float("inf")
        after_s = self._after_s[loss.stages]
        # A stage that had to wait does not bring the next ones closer to it.
        before_s = self._after_s[loss.stages - 1] if loss.stages else 0.0
        return max(loss.since + after_s, loss.last_at + after_s - before_s, loss.look_at)

    def step(self) -> bool:
        """Begin the next stage if it is due and no reason is against it. Return whether the modem is to be set up again.

        Raises RestartNeededError where the next stage is a restart.
        """
        active = self._reporter.status.active
        if active.registration.carries_sms:
            self.forget()
            return False
        loss = self._record.loss
        if loss is None or loss.iccid != active.iccid:
            self.forget()
            loss = self._record.begin_loss(active.iccid, monotonic())
        if monotonic() < self.due_at:
            return False
        if not self._may_begin():
            loss.postpone(monotonic() + self._again_s)
            return False
        stage = loss.enter_stage(monotonic())
        log.warning(
            "port %d: no network for %.0f min though the signal is good: %s",
            self._reporter.status.port,
            (loss.last_at - loss.since) / 60,
            ("the search is restarted", "the radio is switched off and on", "the modem is restarted")[stage],
        )
        self._reporter.set_condition(Condition.REGISTRATION_RESTARTED, present=True)
        if stage == _RESTART:
            raise RestartNeededError(Text("there is signal but no network"))
        self._mailbox.modem_is_busy()
        if stage == _RADIO:
            self._modem.network.switch_radio()
            return True
        self._modem.network.choose_operator()
        self._mailbox.modem_is_free()
        return False

    def forget(self) -> None:
        """Forget the loss: the SIM has its network, or another SIM is there."""
        self._record.end_loss()
        self._reporter.set_condition(Condition.REGISTRATION_RESTARTED, present=False)

    def _may_begin(self) -> bool:
        """Return whether a stage may begin: no work is under way, the network did not refuse, no person chose the operator."""
        reporter, network = self._reporter, self._modem.network
        if reporter.outcome is not None or self._mailbox.has_ussd_orders or reporter.busy_s() > 0:
            return False
        states = network.registrations()
        if any(state.carries_sms or state in _DENIED for state in states):
            return False
        signal_dbm = network.signal_dbm()
        return signal_dbm is not None and signal_dbm >= WEAK_DBM and network.chosen_by_hand() is False
