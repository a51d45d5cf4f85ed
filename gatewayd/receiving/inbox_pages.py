"""Pages of the inbox, as a company reads them."""

from __future__ import annotations

from gatewayd.errors import storage_errors
from gatewayd.records import Caller, InboxRecord
from gatewayd.store.store import Store
from gatewayd.store.tables import inbound


def inbox_page(
    store: Store, caller: Caller, limit: int, cursor: int | None
) -> tuple[list[InboxRecord], int | None]:
    """A page of the texts received on the company's SIMs, newest first, and the cursor of the next page.

    An administration key also reads texts on SIMs of no company. Raises StorageUnavailableError.
    """
    with storage_errors(), store.lists.lend() as db:
        found = inbound.page(db, cursor, limit + 1, company_id=caller.company_id, of_none=caller.admin)
    page = found[:limit]
    return page, page[-1].id if len(found) > limit else None
