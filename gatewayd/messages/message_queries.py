"""Messages as their company reads them: one, its attempts, or a page of them."""

from __future__ import annotations

from typing import TypeVar

from gatewayd.errors import NotFoundError, storage_errors
from gatewayd.messages.attempts import attempts
from gatewayd.records import AttemptRecord, Caller, MessageFilter, MessageRecord
from gatewayd.store.store import Store
from gatewayd.store.tables import messages

Owned = TypeVar("Owned", messages.Message, messages.ShownMessage)


class MessageQueries:
    """Reads messages of the caller's company. Any thread may call any method."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def one(self, caller: Caller, sms_id: str) -> MessageRecord:
        """One message. Raises NotFoundError, StorageUnavailableError."""
        with storage_errors(), self._store.readers.lend() as db:
            return owned(messages.shown(db, sms_id), caller).record

    def history(self, caller: Caller, sms_id: str) -> tuple[MessageRecord, list[AttemptRecord]]:
        """One message and its attempts. Raises as `one`."""
        with storage_errors(), self._store.readers.lend() as db:
            shown = owned(messages.shown(db, sms_id), caller)
            return shown.record, attempts(db, shown.id)

    def page(self, caller: Caller, wanted: MessageFilter) -> tuple[list[MessageRecord], int | None]:
        """A page of messages, newest first, and the cursor of the next page. Raises StorageUnavailableError."""
        with storage_errors(), self._store.lists.lend() as db:
            rows = messages.page(
                db,
                company_id=caller.company_id,
                status=None if wanted.status is None else wanted.status.value,
                campaign_id=wanted.campaign_id,
                recipient=wanted.recipient,
                since=wanted.since,
                until=wanted.until,
                before_id=wanted.cursor,
                limit=wanted.limit + 1,
            )
        page = rows[: wanted.limit]
        return [row.record for row in page], page[-1].id if len(rows) > wanted.limit else None


def owned(found: Owned | None, caller: Caller) -> Owned:
    """The message, if it belongs to the caller's company. Raises NotFoundError."""
    if found is None or found.company_id != caller.company_id:
        raise NotFoundError("Message not found")
    return found
