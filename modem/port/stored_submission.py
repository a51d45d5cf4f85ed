"""Parts that are submitted through the modem's memory: written, sent from there, deleted, and looked up after a crash."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final

from modem.at.transport import ChannelError
from modem.driver.message_storage import OUTGOING
from modem.driver.parsers import UNSENT
from modem.driver.submitter import stored_state_of
from modem.errors import NOT_KEPT, STILL_STORED, cause
from modem.parts import InDoubt, Place, Refused, StoredState, Submission, Submitted
from modem.port.conditions import Condition
from modem.port.connection import Connection
from modem.port.interface import Kept, Storage, WorkUnavailableError

log = logging.getLogger(__name__)

_LATER_S: Final = 30.0  # until a memory that could not be read is tried again

_UNSUPPORTED: Final = frozenset({("ERROR", None), ("CMS", 303), ("CME", 3), ("CME", 4), ("CME", 100)})


class StoredSubmissions:
    """The stored submissions of one connection. Its methods raise what ends the connection, and nothing else."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._reporter = connection.reporter
        self._modem = connection.modem
        self._kept_power = True
        self._recall_at: float | None = None  # None: nothing is left to look up
        self._recalled = False
        self._leftovers: deque[Place] = deque()  # to be deleted

    # After a start

    def begin_anew(self, *, kept_power: bool) -> None:
        """The modem was brought up. `kept_power`: it has not restarted since the last AT+CMSS."""
        self._kept_power = kept_power
        self._leftovers.clear()  # they may be on a SIM that is gone; the gateway knows of them
        self._recall_at, self._recalled = monotonic(), False

    @property
    def recalled(self) -> bool:
        """Whether older parts were looked up in the modem. No new part is claimed before."""
        return self._recalled

    @property
    def due_at(self) -> float:
        """When older parts are to be looked up again, in monotonic seconds."""
        return float("inf") if self._recall_at is None else max(self._recall_at, self._reporter.back_at)

    def recall(self) -> None:
        """Look up the parts that an older connection left in the modem's memory, and delete them there."""
        if self._recall_at is None or monotonic() < self.due_at:
            return
        self._recall_at = None
        try:
            kept = self._reporter.work.in_memory(self._reporter.status)
            taken = {each.place for each in kept if each.place is not None and self._ask(each, each.place)}
            strays = [each for each in kept if each.place is None]
            if strays:
                self._find(strays, taken)
        except WorkUnavailableError as error:
            self._recall_at = monotonic() + self._reporter.unavailable(error)
            return
        self._recalled = True

    def _ask(self, kept: Kept, place: Place) -> bool:
        """Look up what became of one part, and delete it. Return whether it is still there."""
        stored_state = self._modem.stored_state(kept.submission, place)
        work, status = self._reporter.work, self._reporter.status
        if stored_state is None:
            if not kept.settled:
                self._ask_again(_LATER_S)
            return True
        if stored_state is StoredState.UNSENT and not kept.settled:
            if self._kept_power and kept.unsure_s > 0:
                self._ask_again(kept.unsure_s)
                return True
            if not self._kept_power:
                # The network may have taken it before the modem lost its power, and the mark was lost too.
                work.found(status, kept, StoredState.GONE)
        if not kept.settled and (stored_state is not StoredState.UNSENT or self._kept_power):
            work.found(status, kept, stored_state)
        empty = stored_state is StoredState.GONE or self._modem.storage.delete(place.index, place.memory)
        if empty:
            work.emptied(status, kept)
        return not empty

    def _ask_again(self, seconds: float) -> None:
        at = monotonic() + seconds
        self._recall_at = at if self._recall_at is None else min(at, self._recall_at)

    def _find(self, strays: list[Kept], taken: set[Place]) -> None:
        """Delete parts whose place is not known because of a crash: such parts were not sent."""
        outgoing = self._modem.storage.outgoing
        for memory in (outgoing,) if outgoing else OUTGOING:
            for record in self._modem.storage.records(memory) or ():
                ours = record.stat == UNSENT and Place(memory, record.index) not in taken
                if ours and any(
                    stored_state_of(record, kept.submission) is StoredState.UNSENT for kept in strays
                ):
                    log.info("port %d: a part that was never sent is deleted", self._connection.port)
                    self._modem.storage.delete(record.index, memory)
        for kept in strays:
            self._reporter.work.emptied(self._reporter.status, kept)

    # Submitting

    def submit(
        self, submission: Submission, timeout_s: float, meanwhile: Callable[[], None]
    ) -> Submitted | Refused | InDoubt:
        """Write a part, have the gateway store its place, and send it from there; directly where the modem cannot."""
        place = self._write(submission)
        if isinstance(place, Refused):
            return place
        if place is None:
            return self._directly(submission, timeout_s, meanwhile)
        if self._connection.mailbox.stopping or not self._note(submission, place):
            self._leftovers.append(place)
            return Refused(cause("LOCAL", NOT_KEPT))
        echoes = self._modem.channel.echoes
        result = self._modem.send_written(submission, place, timeout_s, meanwhile)
        if isinstance(result, InDoubt):
            return self._look(submission, place, result, echoes)
        self._leftovers.append(place)
        if isinstance(result, Submitted) and not submission.marks:
            self._learn(Storage.MARKS if self._is_marked(submission, place) else Storage.NO_MARKS)
        if isinstance(result, Refused) and not submission.marks and _code(result) in _UNSUPPORTED:
            self._learn(Storage.CANNOT)
            return self._directly(submission, timeout_s, meanwhile)
        return result

    def tidy(self) -> None:
        """Delete the parts that were sent. Called once their outcome is settled, so that no message waits for this."""
        while self._leftovers and self._modem.channel.in_step:
            place = self._leftovers[0]
            try:
                deleted = self._modem.storage.delete(place.index, place.memory)
            except ChannelError as error:
                log.info("port %d: while deleting a part: %s", self._connection.port, error)
                return
            if not deleted:
                return
            self._leftovers.popleft()

    def _write(self, submission: Submission) -> Place | Refused | None:
        """Write a part and return its place; None where it is to be submitted directly."""
        outcome = self._modem.write(submission)
        if isinstance(outcome, Refused) and outcome.cause.storage_full:
            self.tidy()
            outcome = self._modem.write(submission)
        full = isinstance(outcome, Refused) and outcome.cause.storage_full
        if full or isinstance(outcome, Place):
            self._reporter.set_condition(Condition.SENT_ITEMS_FULL, present=full)
        unsupported = isinstance(outcome, Refused) and _code(outcome) in _UNSUPPORTED
        if unsupported:  # once may be caused by a byte lost on the line
            outcome = self._modem.write(submission)
            unsupported = isinstance(outcome, Refused) and _code(outcome) in _UNSUPPORTED
        if isinstance(outcome, Place) or outcome.cause.family == "LOCAL":
            return outcome
        port = self._connection.port
        if unsupported and not submission.marks:
            self._learn(Storage.CANNOT)
        else:
            log.warning(
                "port %d: a part is sent directly, because the modem does not store it: %s",
                port,
                outcome.cause.text_en,
            )
        return None

    def _directly(
        self, submission: Submission, timeout_s: float, meanwhile: Callable[[], None]
    ) -> Submitted | Refused | InDoubt:
        if not self._note(submission, None):
            return Refused(cause("LOCAL", NOT_KEPT))
        return self._modem.submit(submission, timeout_s, meanwhile)

    def _look(
        self, submission: Submission, place: Place, doubt: InDoubt, echoes: int
    ) -> Submitted | Refused | InDoubt:
        """Look up a part in doubt by the mark that the modem sets. `echoes`: counted when the part was sent."""
        channel = self._modem.channel
        if channel.gone or channel.restarted or (not doubt.asked and not channel.in_step):
            return doubt  # looked up when the modem answers again
        if doubt.asked and not self._is_marked(submission, place):
            self._leftovers.append(place)
            return doubt
        stored_state = self._stored_state(submission, place)
        if channel.told_e0 and channel.echoes > echoes:
            channel.restarted = True  # the mark may be lost too
        if stored_state is None or channel.restarted:
            return doubt
        if stored_state is StoredState.UNSENT and not submission.marks:
            stored_state = StoredState.GONE
        self._leftovers.append(place)
        log.warning(
            "port %d: the modem did not answer for a part; its memory says %s",
            self._connection.port,
            stored_state.value,
        )
        if stored_state is StoredState.SENT:
            return Submitted(None)
        return (
            Refused(cause("LOCAL", STILL_STORED))
            if stored_state is StoredState.UNSENT
            else InDoubt(doubt.reason, True)
        )

    def _stored_state(self, submission: Submission, place: Place) -> StoredState | None:
        try:
            return self._modem.stored_state(submission, place)
        except ChannelError:
            return None

    def _is_marked(self, submission: Submission, place: Place) -> bool:
        if self._stored_state(submission, place) is StoredState.SENT:
            return True
        try:
            self._modem.pause()  # the modem may set the mark a little later
        except ChannelError:
            return False
        return self._stored_state(submission, place) is StoredState.SENT

    def _note(self, submission: Submission, place: Place | None) -> bool:
        try:
            self._reporter.work.stored(self._reporter.status, submission, place)
        except WorkUnavailableError as error:
            self._reporter.unavailable(error)
            return False
        return True

    def _learn(self, storage: Storage) -> None:
        if not self._modem.channel.in_step:
            return  # no conclusion about the model
        port, name = self._connection.port, self._modem.name
        if storage is Storage.MARKS:
            log.info("port %d: %s marks sent parts in its memory", port, name)
        elif storage is Storage.NO_MARKS:
            log.warning(
                "port %d: %s does not mark sent parts in its memory: parts are sent directly from now on",
                port,
                name,
            )
        else:
            log.warning(
                "port %d: %s cannot send from its memory: parts are sent directly from now on", port, name
            )
        try:
            self._reporter.work.learned(self._reporter.status, storage)
        except WorkUnavailableError as error:
            log.info(
                "port %d: an ability of the modem could not be stored (%s): the port determines it again",
                port,
                error,
            )


def _code(refused: Refused) -> tuple[str, int | None]:
    return refused.cause.family, refused.cause.code
