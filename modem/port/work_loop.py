"""Claims the next part and hands it to the network."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final

from modem.parts import InDoubt, Refused, Submission, Submitted, Via
from modem.port.connection import Connection
from modem.port.inbound import Inbound
from modem.port.interface import Outcome, Switch
from modem.port.modem_settings import ModemSettings
from modem.port.outcome_check import OutcomeCheck
from modem.port.sim_check import SimCheck
from modem.port.stored_submission import StoredSubmissions

# The result of a part where an exception leaves open what became of it.
_FAILED: Final = InDoubt("The gateway failed while the message was being submitted.")


class WorkLoop:
    """Asks the gateway for work on one connection, carries it out, and settles its outcome with the next claim."""

    def __init__(
        self,
        connection: Connection,
        inbound: Inbound,
        modem_settings: ModemSettings,
        sim_check: SimCheck,
        stored_submissions: StoredSubmissions,
        outcome_check: OutcomeCheck,
        switch: Callable[[int], None],
    ) -> None:
        """`switch`: makes another slot the active one."""
        self._connection = connection
        self._inbound = inbound
        self._modem_settings = modem_settings
        self._sim_check = sim_check
        self._stored_submissions = stored_submissions
        self._outcome_check = outcome_check
        self._switch = switch
        self._claim_at: float | None = 0.0  # None: when woken
        self._held_back = False  # nothing could be submitted until now

    @property
    def due_at(self) -> float:
        """When there is an outcome to settle or work to look for, in monotonic seconds."""
        mailbox, back_at = self._connection.mailbox, self._connection.reporter.back_at
        due = float("inf")
        if self._connection.reporter.outcome is not None or mailbox.has_ussd_orders:
            due = back_at
        if self._asks_for_work():
            if mailbox.woken:
                due = min(due, back_at)
            elif self._claim_at is not None:
                due = min(due, max(self._claim_at, back_at))
        return due

    def look_now(self) -> None:
        """Look for work at the next occasion."""
        self._claim_at = monotonic()

    def step(self) -> bool:
        """Settle the outcome, claim the next order and carry it out. Return whether there was something to do."""
        mailbox, reporter = self._connection.mailbox, self._connection.reporter
        now = monotonic()
        if now < reporter.back_at or not self._stored_submissions.recalled:
            return False
        if self._sim_check.unsure or not self._modem_settings.may_submit:
            reporter.settle_when_due()
            self._held_back = True
            return False
        if self._held_back:
            self._held_back, self._claim_at = False, now
        if reporter.outcome is None:
            due = mailbox.woken or (self._claim_at is not None and now >= self._claim_at)
            if not due or not self._asks_for_work():
                return False
        mailbox.begin_look_for_work()
        order = reporter.next()
        if isinstance(order, Submission):
            self._claim_at = now
            self._submit(order)
            return True
        if isinstance(order, Switch):
            self._claim_at = now
            self._switch(order.slot)
            return True
        self._claim_at = None if order.seconds is None else now + order.seconds
        reporter.publish(busy=False)
        self._stored_submissions.tidy()
        return False

    def _asks_for_work(self) -> bool:
        """Return whether to ask for work. A port with several slots asks without a network too: another slot may have one."""
        if not self._modem_settings.may_submit:
            return False
        registered = self._connection.reporter.status.active.registration.carries_sms
        return registered or self._connection.settings.slots > 1

    def _submit(self, submission: Submission) -> None:
        """Hand one part to the network. The next claim settles its outcome."""
        connection, reporter = self._connection, self._connection.reporter
        result: Submitted | Refused | InDoubt = _FAILED
        reporter.begin_submission(submission)
        started_at = monotonic()
        stored = submission.via is Via.STORAGE
        try:
            self._stored_submissions.tidy()
            submit = self._stored_submissions.submit if stored else connection.modem.submit
            result = submit(submission, connection.submit_timeout_s, self._inbound.hand_over_meanwhile)
        finally:
            outcome = Outcome(submission, result, started_at, monotonic())
            connection.record.set_owed(connection.channel.owed)
            reporter.end_submission(outcome, vendor=connection.channel.vendor)
        self._outcome_check.judge(result, submission.recipient)
