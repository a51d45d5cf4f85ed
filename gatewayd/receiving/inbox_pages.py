"""Pages of the inbox, as a company reads them."""

from __future__ import annotations

from functools import partial

from gatewayd.errors import storage_errors
from gatewayd.records import Caller, InboxRecord, inbox_view
from gatewayd.store.store import Store
from gatewayd.store.tables import inbound
from gatewayd.store.tables.pagination import newest_first


def inbox_page(
    store: Store, caller: Caller, limit: int, cursor: int | None
) -> tuple[list[InboxRecord], int | None]:
    """A page of the texts received on the company's SIMs, newest first, and the cursor of the next page.

    An administration key also reads texts on SIMs of no company. Raises StorageUnavailableError.
    """
    find = partial(inbound.page, company_id=caller.company_id, of_none=caller.admin)
    with storage_errors():
        rows = newest_first(store.lists, "inbox", cursor, limit + 1, find)
    page = rows[:limit]
    return [inbox_view(row) for row in page], page[-1]["id"] if len(rows) > limit else None
