"""Parts in the memory of one modem: written there, sent from there, deleted, and asked about after a crash."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final

from modem.at.transport import ChannelError
from modem.driver.message_storage import OUTGOING
from modem.driver.modem import Modem
from modem.driver.parsers import UNSENT
from modem.driver.submitter import fate_of
from modem.errors import NOT_KEPT, STILL_STORED, cause
from modem.parts import Fate, InDoubt, Place, Refused, Submission, Submitted
from modem.port.conditions import Condition
from modem.port.interface import Kept, Storage, WorkUnavailableError
from modem.port.mailbox import Mailbox

log = logging.getLogger(__name__)

_LATER_S: Final = 30.0  # after which a memory is asked again that could not be read

_UNSUPPORTED: Final = frozenset({("ERROR", None), ("CMS", 303), ("CME", 3), ("CME", 4), ("CME", 100)})


class StoredSubmissions:
    """See the module; for one connection. Only what its methods name is raised, beside what ends the connection."""

    def __init__(self, mailbox: Mailbox, modem: Modem) -> None:
        self._mailbox = mailbox
        self._modem = modem
        self._kept_power = True
        self._recall_at: float | None = None  # None: nothing is left to be asked
        self._recalled = False
        self._leftovers: deque[Place] = deque()  # to be deleted

    # After a start

    def begin_anew(self, *, kept_power: bool) -> None:
        """The modem was brought up. `kept_power`: it was not restarted since it was last told to send something."""
        self._kept_power = kept_power
        self._leftovers.clear()  # they may lie on a card that is gone; the house knows of them
        self._recall_at, self._recalled = monotonic(), False

    @property
    def recalled(self) -> bool:
        """Whether the modem was asked what became of older parts. Nothing new is begun before."""
        return self._recalled

    @property
    def due_at(self) -> float:
        """When the modem is to be asked again, in monotonic seconds."""
        return float("inf") if self._recall_at is None else max(self._recall_at, self._mailbox.back_at)

    def recall(self) -> None:
        """Ask the modem what became of parts that an older connection left in its memory, and empty their places."""
        if self._recall_at is None or monotonic() < self.due_at:
            return
        self._recall_at = None
        try:
            kept = self._mailbox.work.in_memory(self._mailbox.status)
            taken = {each.place for each in kept if each.place is not None and self._ask(each, each.place)}
            strays = [each for each in kept if each.place is None]
            if strays:
                self._find(strays, taken)
        except WorkUnavailableError as error:
            self._recall_at = monotonic() + self._mailbox.unavailable(error)
            return
        self._recalled = True

    def _ask(self, kept: Kept, place: Place) -> bool:
        """Ask what became of one part, and empty its place. Whether it still lies there."""
        fate = self._modem.fate(kept.submission, place)
        work, status = self._mailbox.work, self._mailbox.status
        if fate is None:
            if not kept.settled:
                self._ask_again(_LATER_S)
            return True
        if fate is Fate.UNSENT and not kept.settled:
            if self._kept_power and kept.unsure_s > 0:
                self._ask_again(kept.unsure_s)
                return True
            if not self._kept_power:
                # The network may have taken it before the power went, and the mark with it.
                work.found(status, kept, Fate.GONE)
        if not kept.settled and (fate is not Fate.UNSENT or self._kept_power):
            work.found(status, kept, fate)
        empty = fate is Fate.GONE or self._modem.storage.delete(place.index, place.memory)
        if empty:
            work.emptied(status, kept)
        return not empty

    def _ask_again(self, seconds: float) -> None:
        at = monotonic() + seconds
        self._recall_at = at if self._recall_at is None else min(at, self._recall_at)

    def _find(self, strays: list[Kept], taken: set[Place]) -> None:
        """Delete what was written and never told, because a crash came before: nothing of it was sent."""
        outgoing = self._modem.storage.outgoing
        for memory in (outgoing,) if outgoing else OUTGOING:
            for record in self._modem.storage.records(memory) or ():
                ours = record.stat == UNSENT and Place(memory, record.index) not in taken
                if ours and any(fate_of(record, kept.submission) is Fate.UNSENT for kept in strays):
                    log.info("port %d: a part that was never sent is deleted", self._mailbox.status.port)
                    self._modem.storage.delete(record.index, memory)
        for kept in strays:
            self._mailbox.work.emptied(self._mailbox.status, kept)

    # At work

    def submit(
        self, submission: Submission, timeout_s: float, meanwhile: Callable[[], None]
    ) -> Submitted | Refused | InDoubt:
        """Write a part, have its place kept, and send it from there; directly where the modem cannot."""
        place = self._write(submission)
        if isinstance(place, Refused):
            return place
        if place is None:
            return self._directly(submission, timeout_s, meanwhile)
        if self._mailbox.stopping or not self._note(submission, place):
            self._leftovers.append(place)
            return Refused(cause("LOCAL", NOT_KEPT))
        echoes = self._modem.channel.echoes
        result = self._modem.send_written(place, timeout_s, meanwhile)
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
        """Delete what was sent. Called once the house knows what became of it, so that nobody waits for this."""
        while self._leftovers and self._modem.channel.in_step:
            place = self._leftovers[0]
            try:
                deleted = self._modem.storage.delete(place.index, place.memory)
            except ChannelError as error:
                log.info("port %d: while deleting a part: %s", self._mailbox.status.port, error)
                return
            if not deleted:
                return
            self._leftovers.popleft()

    def _write(self, submission: Submission) -> Place | Refused | None:
        """Where the part lies now; None where it is to be handed over directly."""
        outcome = self._modem.write(submission)
        if isinstance(outcome, Refused) and outcome.cause.storage_full:
            self.tidy()
            outcome = self._modem.write(submission)
        full = isinstance(outcome, Refused) and outcome.cause.storage_full
        if full or isinstance(outcome, Place):
            self._mailbox.set_condition(Condition.SENT_ITEMS_FULL, present=full)
        unsupported = isinstance(outcome, Refused) and _code(outcome) in _UNSUPPORTED
        if unsupported:  # once may be a byte lost on the line
            outcome = self._modem.write(submission)
            unsupported = isinstance(outcome, Refused) and _code(outcome) in _UNSUPPORTED
        if isinstance(outcome, Place) or outcome.cause.family == "LOCAL":
            return outcome
        port = self._mailbox.status.port
        if unsupported and not submission.marks:
            self._learn(Storage.CANNOT)
        else:
            log.warning(
                "port %d: a part is sent directly, because its modem does not keep it: %s",
                port,
                outcome.cause.told_en,
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
        """What the modem's own mark says of a part in doubt. Its time limit has passed; until then it echoed `echoes`."""
        channel = self._modem.channel
        if channel.gone or channel.restarted or (not doubt.asked and not channel.in_step):
            return doubt  # asked once the modem is back
        if doubt.asked and not self._is_marked(submission, place):
            self._leftovers.append(place)
            return doubt
        fate = self._fate(submission, place)
        if channel.told_e0 and channel.echoes > echoes:
            channel.restarted = True  # and its mark may have gone with its power
        if fate is None or channel.restarted:
            return doubt
        if fate is Fate.UNSENT and not submission.marks:
            fate = Fate.GONE
        self._leftovers.append(place)
        log.warning(
            "port %d: the modem did not say what became of a part; its memory says %s",
            self._mailbox.status.port,
            fate.value,
        )
        if fate is Fate.SENT:
            return Submitted(None)
        return Refused(cause("LOCAL", STILL_STORED)) if fate is Fate.UNSENT else InDoubt(doubt.reason, True)

    def _fate(self, submission: Submission, place: Place) -> Fate | None:
        try:
            return self._modem.fate(submission, place)
        except ChannelError:
            return None

    def _is_marked(self, submission: Submission, place: Place) -> bool:
        if self._fate(submission, place) is Fate.SENT:
            return True
        try:
            self._modem.pause()  # it may write the mark a little later
        except ChannelError:
            return False
        return self._fate(submission, place) is Fate.SENT

    def _note(self, submission: Submission, place: Place | None) -> bool:
        try:
            self._mailbox.work.stored(self._mailbox.status, submission, place)
        except WorkUnavailableError as error:
            self._mailbox.unavailable(error)
            return False
        return True

    def _learn(self, storage: Storage) -> None:
        if not self._modem.channel.in_step:
            return  # its silence says nothing of its kind
        port, name = self._mailbox.status.port, self._modem.name
        if storage is Storage.MARKS:
            log.info("port %d: %s marks in its memory what it sent", port, name)
        elif storage is Storage.NO_MARKS:
            log.warning(
                "port %d: %s does not mark what it sent from its memory: direct from now on", port, name
            )
        else:
            log.warning("port %d: %s cannot send from its memory: direct from now on", port, name)
        try:
            self._mailbox.work.learned(self._mailbox.status, storage)
        except WorkUnavailableError as error:
            log.info("port %d: not remembered (%s): it is found out again", port, error)


def _code(refused: Refused) -> tuple[str, int | None]:
    return refused.cause.family, refused.cause.code
