"""Messages as their company reads them: one, its attempts, or a page of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from config.language.text import Text
from gatewayd.accounts import sending_windows
from gatewayd.errors import NotFoundError, storage_errors
from gatewayd.messages.attempts import attempts
from gatewayd.messages.reasons import NO_SIM_YET, NO_TIME, outside_window
from gatewayd.records import AttemptRecord, Caller, MessageFilter, MessageRecord, Priority, Status
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.tables import engines, messages
from gatewayd.store.tables.messages import ShownMessage
from gatewayd.timekeeping.clock import Calendar, Moment

Owned = TypeVar("Owned", messages.Message, messages.ShownMessage)


class MessageQueries:
    """Reads messages of the caller's company. Any thread may call any method.

    `own`: the store of this box, where `store` is one that several boxes share: it knows first what this box sent.
    """

    def __init__(
        self,
        store: AnyStore,
        moment: Callable[[], Moment],
        calendar: Calendar,
        own: AnyStore | None = None,
    ) -> None:
        self._store = store
        self._own = own
        self._moment = moment
        self._calendar = calendar

    def one(self, caller: Caller, sms_id: str) -> MessageRecord:
        """One message. Raises NotFoundError, StorageUnavailableError."""
        with storage_errors(), self._store.readers.lend() as db:
            record = self.explained(self._shown(db, caller, sms_id))
        if self._own is None or record.status is not Status.PENDING:
            return record
        with storage_errors(), self._own.readers.lend() as db:
            ours = messages.shown(db, sms_id)
        return record if ours is None or ours.record.status is Status.PENDING else self.explained(ours)

    def history(self, caller: Caller, sms_id: str) -> tuple[MessageRecord, list[AttemptRecord]]:
        """One message and its attempts. Raises as `one`."""
        with storage_errors(), self._store.readers.lend() as db:
            shown = self._shown(db, caller, sms_id)
            return self.explained(shown), attempts(db, shown.id)

    def _shown(self, db: Transaction, caller: Caller, sms_id: str) -> ShownMessage:
        found = messages.shown(db, sms_id)
        if found is None and self._own is not None and not engines.is_shared(db):
            # Read in place of the shared store, which is away. Another box may have the message.
            raise StoreUnavailableError(
                "only the store that all boxes share knows whether there is such a message"
            )
        return owned(found, caller)

    def page(self, caller: Caller, wanted: MessageFilter) -> tuple[list[MessageRecord], int | None]:
        """A page of messages, newest first, and the cursor of the next page. Raises StorageUnavailableError."""
        with storage_errors(), self._store.lists.lend() as db:
            rows = messages.page(
                db,
                company_id=caller.company_id,
                sandbox=caller.sandbox,
                status=None if wanted.status is None else wanted.status.value,
                campaign_id=wanted.campaign_id,
                recipient=wanted.recipient,
                since=wanted.since,
                until=wanted.until,
                before_id=wanted.cursor,
                limit=wanted.limit + 1,
                reference=wanted.reference,
                sim_id=wanted.sim_id,
                priority=wanted.priority,
            )
        page = rows[: wanted.limit]
        return [self.explained(row) for row in page], page[-1].id if len(rows) > wanted.limit else None

    def explained(self, shown: ShownMessage) -> MessageRecord:
        """The record of a message, with the reason why it waits where no attempt gave one."""
        record, reason = shown.record, None
        if record.status is not Status.PENDING or record.failure_reason is not None or record.sandbox:
            return record
        at = self._moment()
        if shown.scheduled:
            if not at.trusted:
                reason = NO_TIME
            elif record.send_at is not None and record.send_at <= at.now:
                reason = NO_SIM_YET
        elif (
            record.priority is Priority.BULK
            and not shown.transactional
            and shown.sending_window is not None
            and sending_windows.is_closed(shown.sending_window, at, self._calendar)
        ):
            reason = outside_window(shown.sending_window)
        return record if reason is None else replace(record, failure_reason=reason.text)


def owned(found: Owned | None, caller: Caller) -> Owned:
    """The message, if it belongs to the caller's company. Raises NotFoundError."""
    if found is None or (found.company_id, bool(found.sandbox)) != (caller.company_id, caller.sandbox):
        raise NotFoundError(Text("Message not found"))
    return found
