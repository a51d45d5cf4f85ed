"""The status that a port publishes, and its messages to the gateway: outcomes, reports, late references."""

from __future__ import annotations

import logging
from dataclasses import replace
from time import monotonic
from typing import Any, Final

from modem.at.transcript import Transcript
from modem.errors import DEVICE_GONE, NO_PROMPT, cause
from modem.parts import InDoubt, Refused, Submission, Submitted
from modem.port.conditions import Condition
from modem.port.interface import Claim, Outcome, Reported, Rest, Switch, Work, WorkUnavailableError
from modem.port.status import PortState, PortStatus, SlotStatus
from modem.port.submission_note import Noted, Phase, SubmissionNote

log = logging.getLogger(__name__)

# Pauses between calls of a gateway that cannot store anything: long enough to free a disk, short for an idle modem.
_UNAVAILABLE_S: Final = (0.5, 1.0, 2.0, 5.0)


class Reporter:
    """Publishes one port's status and settles its outcomes. Used from the port's thread only.

    It alone changes the status, the outcome that is not settled yet, and the time until which the gateway is not asked.
    """

    def __init__(self, status: PortStatus, work: Work, transcript: Transcript) -> None:
        self.work = work
        self._status = status
        self._transcript = transcript
        self._outcome: Outcome | None = None
        self._reports: list[Reported] = []  # reports that came during a submission, reported with its outcome
        self._submitting = False
        self._note: SubmissionNote | None = None
        self._left: Noted | None = None
        self._recovered: tuple[Claim, Submitted | Refused] | None = None  # not reported to the gateway yet
        self._back_at = 0.0
        self._published: PortStatus | None = None
        self._refusals = 0

    @property
    def status(self) -> PortStatus:
        """The newest status, published or about to be."""
        return self._status

    @property
    def outcome(self) -> Outcome | None:
        """The outcome of the last submission, until the gateway has settled it."""
        return self._outcome

    @property
    def in_doubt(self) -> bool:
        """Whether the last submission is in doubt and not settled yet."""
        return self._outcome is not None and isinstance(self._outcome.result, InDoubt)

    @property
    def submitting(self) -> bool:
        """Whether a submission is in progress."""
        return self._submitting

    @property
    def back_at(self) -> float:
        """Until then, in monotonic seconds, the gateway is not asked: it can store nothing."""
        return self._back_at

    @property
    def note(self) -> SubmissionNote | None:
        """The note of the part being submitted, for the next process; None where no note is kept."""
        return self._note

    @property
    def left(self) -> Noted | None:
        """The part that an older process handed over without reading the modem's answer."""
        return self._left

    # Status

    def publish(self, **changes: Any) -> None:
        """Change the status and report it to the gateway if it differs from the last reported one."""
        status = replace(self._status, **changes)
        if (status.state, status.detail) != (self._status.state, self._status.detail):
            log.info("port %d is %s: %s", status.port, status.state.value, status.detail)
            self._transcript.note(f"port {status.port} is {status.state.value}: {status.detail}")
        self._status = status
        if status != self._published:
            try:
                self.work.status(status)
            except WorkUnavailableError:
                return  # published with the next change, or before the next claim
            self._published = status

    def publish_slot(self, slot: int, **changes: Any) -> None:
        """Change the status of one slot and publish it."""
        self.publish(slots=self.slots_with(slot, **changes))

    def slots_with(self, slot: int, **changes: Any) -> tuple[SlotStatus, ...]:
        """Return the slots with one of them changed."""
        return tuple(replace(each, **changes) if each.slot == slot else each for each in self._status.slots)

    def publish_end(self, state: PortState, detail: str) -> None:
        """Publish how a connection ended. No submission is in progress after it."""
        self._submitting = False
        self.publish(state=state, detail=detail, busy=False)

    def set_condition(self, condition: Condition, *, present: bool) -> None:
        """Publish that `condition` holds, or that it no longer does. Cheap where nothing changes."""
        held = self._status.conditions
        if present == (condition in held):
            return
        log.log(
            logging.WARNING if present else logging.INFO,
            "port %d: condition %s %s",
            self._status.port,
            condition.value,
            "begins" if present else "ends",
        )
        self.publish(conditions=tuple(each for each in Condition if (each in held) != (each is condition)))

    # Submissions

    def begin_submission(self, submission: Submission) -> None:
        """Publish that a submission is in progress, and write it to the note."""
        self._submitting = True
        if not self._status.busy:
            self.publish(busy=True)
        if self._note is not None:
            self._note.begin(submission)

    def end_submission(self, outcome: Outcome, *, vendor: str) -> None:
        """Keep the outcome until it is settled. `vendor`: by whose table the code of a refusal was read."""
        self._submitting = False
        self._outcome = outcome
        if self._note is not None:
            self._note.end(outcome.submission, outcome.result, vendor)

    def correct_outcome(self, result: Submitted) -> None:
        """Replace the result of an outcome in doubt by the answer that came late."""
        if self._outcome is not None:
            self._outcome = replace(self._outcome, result=result)

    def add_report(self, report: Reported) -> None:
        """Keep a status report, to be stored in the same transaction as the outcome."""
        self._reports.append(report)

    def next(self, *, claims: bool = True) -> Submission | Switch | Rest:
        """Settle the outcome and ask for the next order. Where the gateway can store nothing: a rest before the next try."""
        if self._status != self._published:
            self.publish()
        try:
            # The gateway gives no submission to a port that is starting.
            status = self._status if claims else replace(self._status, state=PortState.STARTING)
            self._tell_recovered()
            order = self.work.next(status, self._outcome, tuple(self._reports))
        except WorkUnavailableError as error:
            return Rest(self.unavailable(error))
        self._refusals = 0
        if self._outcome is not None:
            self._clear_note()
        self._outcome = None
        self._reports.clear()
        return order

    def settle(self) -> float:
        """Settle the outcome on a port that takes no work. Return the seconds until the next try, 0 once it is settled."""
        order = self.next(claims=False)
        if self._outcome is not None and isinstance(order, Rest):
            return order.seconds or 0.0
        if isinstance(order, Submission):
            log.error(
                "port %d: the gateway claimed a part for a port that takes none; refused", self._status.port
            )
            now = monotonic()
            self._outcome = Outcome(order, Refused(cause("LOCAL", DEVICE_GONE)), now, now)
            return _UNAVAILABLE_S[0]
        return 0.0

    def settle_when_due(self) -> None:
        """Settle the outcome without a claim, unless the gateway must not be asked now."""
        if self._outcome is not None and monotonic() >= self._back_at:
            self.settle()

    def settle_alone(self) -> bool:
        """Settle the outcome without a claim, because the port has another task first. Return whether it is settled."""
        if self._outcome is not None:
            self.settle()
        return self._outcome is None

    def unavailable(self, error: WorkUnavailableError) -> float:
        """Leave the gateway alone because it can store nothing. Return for how many seconds; `back_at` is their end."""
        rest_s = _UNAVAILABLE_S[min(self._refusals, len(_UNAVAILABLE_S) - 1)]
        self._refusals += 1
        self._back_at = monotonic() + rest_s
        log.log(
            logging.WARNING if self._refusals == 1 else logging.DEBUG,
            "port %d: the gateway can store nothing now (%s); the port tries again",
            self._status.port,
            error,
        )
        return rest_s

    def busy_s(self) -> float:
        """Return for how many seconds the modem may be busy with a part of an older connection; 0 where that is not known."""
        try:
            return self.work.busy_s(self._status.port)
        except WorkUnavailableError:
            return 0.0

    def tell_late(self, status: PortStatus, reference: int | None) -> None:
        """Tell the gateway the TP-MR that a part in doubt got. If it cannot be stored now, the part's report settles it.

        `status`: of the port when the SIM was active that submitted the part.
        """
        try:
            self.work.told_late(status, reference)
        except WorkUnavailableError as error:
            self.unavailable(error)

    # The part that an older process left

    def adopt_note(self, note: SubmissionNote) -> None:
        """Use `note` for the parts of this process, and recover the part that an older process left in it."""
        self._note = note
        noted = note.read()
        if noted is None:
            return
        if noted.result is not None:
            self.recover(noted.claim, noted.result)
        elif noted.phase is Phase.BEGUN:
            self.recover(noted.claim, Refused(cause("LOCAL", NO_PROMPT)))
        else:
            self._left = noted

    def take_left(self) -> Noted | None:
        """Return `left` and forget it: later answers are not about it."""
        left, self._left = self._left, None
        return left

    def recover(self, claim: Claim, result: Submitted | Refused) -> None:
        """Tell the gateway what became of the part that an older process was submitting; retried until it is stored."""
        self._left, self._recovered = None, (claim, result)
        if self._note is not None:
            self._note.end(claim, result)  # for the next process, if this one ends before it is stored
        try:
            self._tell_recovered()
        except WorkUnavailableError as error:
            self.unavailable(error)

    def close(self) -> None:
        """Give the note's memory back."""
        if self._note is not None:
            self._note.close()

    def _tell_recovered(self) -> None:
        if self._recovered is not None:
            self.work.recovered(self._status, *self._recovered)
            self._recovered = None
            self._clear_note()

    def _clear_note(self) -> None:
        if self._note is not None:
            self._note.clear()
