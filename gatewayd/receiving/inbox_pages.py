"""The inbox, as a company reads it and marks what it has read."""

from __future__ import annotations

from gatewayd.errors import NotFoundError, storage_errors
from gatewayd.records import Caller, InboxFilter, InboxRecord
from gatewayd.store import Transaction
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.tables import inbound


def inbox_page(store: AnyStore, caller: Caller, wanted: InboxFilter) -> tuple[list[InboxRecord], int | None]:
    """A page of the texts received on the company's SIMs, newest first, and the cursor of the next page.

    An administration key also reads texts on SIMs of no company. Raises StorageUnavailableError.
    """
    with storage_errors(), store.lists.lend() as db:
        found = inbound.page(db, caller, wanted, wanted.limit + 1)
    page = found[: wanted.limit]
    return page, page[-1].id if len(found) > wanted.limit else None


def mark_read(store: AnyStore, caller: Caller, text_id: int, *, read: bool) -> InboxRecord:
    """Mark a text that the caller may read. Raises NotFoundError, StorageUnavailableError."""

    def mark(db: Transaction) -> InboxRecord | None:
        if inbound.text_of(db, caller, text_id) is not None:
            inbound.mark_read(db, text_id, read=read)
        return inbound.text_of(db, caller, text_id)

    with storage_errors():
        marked = store.write(mark)
    if marked is None:
        raise NotFoundError("Text not found")
    return marked
