"""The list of opt-outs of a company, as its programs and the operator keep it."""

from __future__ import annotations

from collections.abc import Callable

from config.language.text import Text
from gatewayd.errors import NotFoundError, storage_errors
from gatewayd.records import Caller, EventType, OptOutRecord
from gatewayd.store import Transaction
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.tables import events, opt_outs


class OptOutList:
    """Reads and changes opt-outs. Any thread may call any method. `now`: microseconds since the epoch."""

    def __init__(self, store: AnyStore, now: Callable[[], int]) -> None:
        self._store = store
        self._now = now

    def page(self, caller: Caller, limit: int, cursor: int | None) -> tuple[list[OptOutRecord], int | None]:
        """A page of those in force, newest first, and the cursor of the next page. Raises StorageUnavailableError."""
        with storage_errors(), self._store.lists.lend() as db:
            found = opt_outs.page(db, caller, cursor, limit + 1)
        page = found[:limit]
        return page, page[-1].id if len(found) > limit else None

    def add(self, caller: Caller, recipient: str, reason: str | None, source: str) -> OptOutRecord:
        """Opt a number out; one that is out already stays as it is. Raises StorageUnavailableError."""
        now = self._now()

        def add_one(db: Transaction) -> OptOutRecord | None:
            company, sandbox = caller.company_id, caller.sandbox
            if opt_outs.add(db, company, recipient, now, source=source, reason=reason, sandbox=sandbox):
                write_event(db, caller, recipient, now, opted_out=True, source=source)
            return opt_outs.current(db, company, recipient, sandbox=sandbox)

        with storage_errors():
            return _found(self._store.write(add_one))

    def end(self, caller: Caller, recipient: str, source: str) -> OptOutRecord:
        """Let a number take messages again; the record as it was. Raises NotFoundError, StorageUnavailableError."""
        now = self._now()

        def end_one(db: Transaction) -> OptOutRecord | None:
            company, sandbox = caller.company_id, caller.sandbox
            before = opt_outs.current(db, company, recipient, sandbox=sandbox)
            if opt_outs.end(db, company, recipient, now, source=source, sandbox=sandbox):
                write_event(db, caller, recipient, now, opted_out=False, source=source)
            return before

        with storage_errors():
            return _found(self._store.write(end_one))


def write_event(
    db: Transaction, caller: Caller, recipient: str, now: int, *, opted_out: bool, source: str
) -> None:
    """Write the event of an opt-out that began or ended, for its company."""
    data = {"recipient": recipient, "opted_out": opted_out, "source": source}
    events.write(db, EventType.OPT_OUT_CHANGED, caller.company_id, now, data=data, sandbox=caller.sandbox)


def _found(record: OptOutRecord | None) -> OptOutRecord:
    if record is None:
        raise NotFoundError(Text("This number has not opted out"))
    return record
