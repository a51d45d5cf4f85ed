"""The context of administration commands, and checks of their arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Protocol, TypeVar, runtime_checkable

from pydantic import ConfigDict, Field

from config.language.text import Text
from config.settings import PortSettings
from gatewayd.accounts.setup_token import SetupToken
from gatewayd.diagnostics.findings import Finding
from gatewayd.errors import AdminError, NoDaemonError, WrongUseError
from gatewayd.gateway import Gateway
from gatewayd.recent_log import RecentLog
from gatewayd.sims.modem_search import ModemSearch
from gatewayd.sims.numbering import Numbering
from gatewayd.sims.port_set import PortSet
from gatewayd.sims.ports import Ports
from gatewayd.store import Transaction
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.store import Store
from gatewayd.store.tables import accounts, copies
from gatewayd.timekeeping.clock import Calendar, Clock, Moment

T = TypeVar("T")


Id = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""The id of a row; SQLite ids have 63 bits."""

Microseconds = Annotated[int, Field(ge=0, le=253_402_300_799_999_999)]
"""Microseconds since the epoch, until the year 9999."""

ONLY_THESE: Final = ConfigDict(extra="forbid", strict=True)
"""For a dictionary of changes: its keys become column names, so other keys and other types are refused."""


@runtime_checkable
class FleetView(Protocol):
    """The fleet as people see it; a box that is alone has none, and no psycopg."""

    @property
    def name(self) -> str:
        """The name of this box."""

    def trouble(self) -> Text | None:
        """The reason why messages of the fleet stop here; None: they do not. Never waits."""

    def document(self) -> dict[str, Any]:
        """All boxes. Waits some seconds where PostgreSQL does not answer."""

    def findings(self) -> list[Finding]:
        """The findings of the check. Waits like `document`."""


@dataclass(frozen=True, slots=True)
class Context:
    """The store, and the gateway of the daemon: None if the command line opened the store itself."""

    store: Store
    clock: Clock
    calendar: Calendar
    numbering: Numbering
    gateway: Gateway | None
    file_ports: tuple[PortSettings, ...] = ()  # of the configuration file
    running_ports: PortSet | None = None  # None if no daemon runs
    modem_search: ModemSearch = field(default_factory=ModemSearch)
    setup_token: SetupToken | None = None  # of the daemon
    may_choose_numbers: bool = False  # the configuration file chooses no numbering plan
    restart: Callable[[], bool] = lambda: False  # starts the daemon anew, if a service manager does that
    config: Path | None = None  # the configuration file of the daemon
    recent_log: RecentLog | None = None
    fleet: FleetView | None = None  # None: the box is alone

    @property
    def ports(self) -> Ports:
        """The ports, which commands may change."""
        return Ports(self.store, self.file_ports, self.running_ports)

    @property
    def shared(self) -> AnyStore:
        """The store of everything that companies, keys and operators see and change: in a fleet, at all boxes.

        Raises AdminError where no daemon runs on the store of a box of a fleet: only the daemon reaches the others.
        """
        if self.gateway is not None:
            return self.gateway.shared
        with self.store.readers.lend() as db:
            if copies.joined(db):
                raise NoDaemonError(
                    Text(
                        "this box belongs to a fleet, so this needs its daemon: start it with `gatewayd run`"
                    )
                )
        return self.store

    def moment(self) -> Moment:
        """The present time and day."""
        return self.clock.moment(self.calendar)

    def write_accounts(self, work: Callable[[Transaction], T]) -> T:
        """Like `Store.write`, for changes of companies or keys: the gateway uses the change from the return on."""
        try:
            return self.shared.write(work)
        finally:
            if self.gateway is not None:
                self.gateway.accounts_changed()
                self.may_free_work()

    def write_sims(self, work: Callable[[Transaction], T]) -> T:
        """Like `Store.write`, for changes of SIMs: the ports use the change from the return on."""
        result = self.shared.write(work)
        if self.gateway is not None:
            self.gateway.sims_changed()
        return result

    def may_free_work(self) -> None:
        """Wake the idle ports: a durable change may allow a SIM to send more messages."""
        if self.gateway is not None:
            self.gateway.dispatcher.wake_idle()

    def noted(
        self, shown: dict[str, object], notes_of: Callable[[Transaction, int, Moment], list[str]]
    ) -> dict[str, object]:
        """Add `notes` to a row that a command returns, if its settings contradict each other."""
        with self.shared.readers.lend() as db:
            notes = notes_of(db, int(str(shown["id"])), self.moment())
        return {**shown, "notes": notes} if notes else shown

    def running(self) -> Gateway:
        """Return the gateway. Raises AdminError if no daemon runs."""
        if self.gateway is None:
            raise NoDaemonError(Text("no gatewayd is running on this store: start it with `gatewayd run`"))
        return self.gateway


def one_company(context: Context, company_id: int | None) -> int:
    """The active company with this id, by default the first active one. Raises AdminError without one."""
    with context.shared.readers.lend() as db:
        active = [row.id for row in accounts.companies(db, "") if row.active]
    if company_id is None and not active:
        raise AdminError("there is no active company: create one with `gatewayd company add NAME`")
    chosen = active[0] if company_id is None else company_id
    if chosen not in active:
        raise AdminError(f"there is no active company {chosen}: `gatewayd company list` shows them")
    return chosen


def positive_or_none(name: str, value: int | None) -> int | None:
    """Check a limit; None means no limit. Raises AdminError."""
    if value is not None and not 0 <= value <= 2**53:
        raise WrongUseError(Text("{name} must be 0 or more, or none for no limit", name=name))
    return value


def named(name: str) -> str:
    """Check and strip a name. Raises AdminError if it is empty or not printable."""
    if not name.strip() or not name.isprintable() or len(name) > 200:
        raise WrongUseError(Text("a name must be 1 to 200 printable characters"))
    return name.strip()
