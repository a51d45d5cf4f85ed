"""What every administration command works on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from pydantic import ConfigDict, Field

from gatewayd.gateway import Gateway
from gatewayd.sims.numbering import Numbering
from gatewayd.store import Transaction
from gatewayd.store.store import Store
from gatewayd.timekeeping.clock import Calendar, Clock, Moment

T = TypeVar("T")


Id = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""A row's id, as SQLite can hold one."""

Microseconds = Annotated[int, Field(ge=0, le=253_402_300_799_999_999)]
"""A moment since the epoch, until the year 9999."""

ONLY_THESE: Final = ConfigDict(extra="forbid", strict=True)
"""Of a dictionary of changes: its keys become columns, so that no others are taken, nor values of another type."""


class AdminError(Exception):
    """The command cannot be done; the text says why, and what would help."""


@dataclass(frozen=True, slots=True)
class Context:
    """The store, and the gateway where a daemon runs: None where the command line opened the store itself."""

    store: Store
    clock: Clock
    calendar: Calendar
    numbering: Numbering
    gateway: Gateway | None

    def moment(self) -> Moment:
        """Now, and today."""
        return self.clock.moment(self.calendar)

    def write_accounts(self, work: Callable[[Transaction], T]) -> T:
        """As `Store.write`, for what changes companies or keys: once this returns, the gateway goes by the change."""
        try:
            return self.store.write(work)
        finally:
            if self.gateway is not None:
                self.gateway.accounts_changed()
                self.may_free_work()

    def may_free_work(self) -> None:
        """Have the ports look for work: something was changed, durably, that may let a SIM send what it could not before."""
        if self.gateway is not None:
            self.gateway.dispatcher.wake_idle()

    def noted(
        self, shown: dict[str, object], notes_of: Callable[[Transaction, int, Moment], list[str]]
    ) -> dict[str, object]:
        """What a command answers of a row, with `notes` where something in it contradicts itself."""
        with self.store.readers.lend() as db:
            notes = notes_of(db, int(str(shown["id"])), self.moment())
        return {**shown, "notes": notes} if notes else shown

    def running(self) -> Gateway:
        """The gateway. Raises AdminError where no daemon runs."""
        if self.gateway is None:
            raise AdminError("no gatewayd is running on this store: start it with `gatewayd run`")
        return self.gateway


def positive_or_none(name: str, value: int | None) -> int | None:
    """A number that counts things, or None for no limit. Raises AdminError."""
    if value is not None and not 0 <= value <= 2**53:
        raise AdminError(f"{name} must be 0 or more, or none for no limit")
    return value


def named(name: str) -> str:
    """A name for a person to read. Raises AdminError where it is empty or not printable."""
    if not name.strip() or not name.isprintable() or len(name) > 200:
        raise AdminError("a name must be 1 to 200 printable characters")
    return name.strip()
