"""Tells PostgreSQL the outcomes that the journal has, and that this box has told everything again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from gatewayd.fleet.box.epoch import Epoch
from gatewayd.fleet.box.journal import Journal
from gatewayd.fleet.box.link import Link
from gatewayd.fleet.box.status import LastStatus
from gatewayd.fleet.queue import boxes, uploads
from gatewayd.fleet.queue.keeping import TextTaken
from gatewayd.fleet.queue.names import Box, Outcome, Uploaded
from gatewayd.timekeeping.clock import Calendar, Clock

log = logging.getLogger(__name__)

_AT_ONCE: Final = 500


class Uploading:
    """The uploads of this box. The thread of the agent uses it. All methods raise StoreUnavailableError and EpochOldError."""

    def __init__(
        self,
        submit_timeout_s: float,
        link: Link,
        journal: Journal,
        clock: Clock,
        calendar: Calendar,
        status: LastStatus,
        *,
        settled: Callable[[Sequence[str]], None],
        text_taken: TextTaken,
    ) -> None:
        """`settled`: called with the sms_ids of messages whose status changed."""
        self._submit_timeout_s = submit_timeout_s
        self._link = link
        self._journal = journal
        self._clock = clock
        self._calendar = calendar
        self._status = status
        self._settled = settled
        self._text_taken = text_taken

    def upload(self, epoch: Epoch) -> None:
        """Tell all outcomes that the journal has, in order."""
        while batch := self._journal.untold(epoch.acknowledged, _AT_ONCE):
            told = [
                Outcome(each.number, each.at, each.kind, each.message_id, each.seq, each.document, each.epoch)
                for each in batch
            ]
            answer = self._upload_batch(epoch.box, told)
            aside = {each.number: each.reason for each in answer.set_aside}
            for number, reason in aside.items():
                log.error("fleet: outcome %d cannot be told and is set aside: %s", number, reason)
            self._journal.told(batch[0].number, answer.acknowledged, aside, self._clock.now())
            epoch.acknowledged = answer.acknowledged
            self._status.told(answer.acknowledged)
            if answer.settled:
                self._settled(answer.settled)
            if len(batch) < _AT_ONCE:
                return

    def tell_caught_up(self, epoch: Epoch) -> None:
        """PostgreSQL was restored: tell it once this box has told everything again, also of parts that were on their way."""
        if self._journal.has_to_tell(epoch.acknowledged):
            return
        with self._link.transaction() as db:
            boxes.caught_up(db, epoch.box)
        epoch.tells_again = False

    def _upload_batch(self, box: Box, told: Sequence[Outcome]) -> Uploaded:
        with self._link.transaction() as db:
            return uploads.upload(
                db,
                box,
                told,
                at=self._clock.moment(self._calendar),
                calendar=self._calendar,
                submit_timeout_s=self._submit_timeout_s,
                text_taken=self._text_taken,
            )
