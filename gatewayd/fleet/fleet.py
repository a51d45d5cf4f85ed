"""A box of a fleet: its agent, its listener, and what the rest of the gateway needs of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final, Protocol

from config.language.text import Text
from config.settings import Settings
from gatewayd.fleet.box.agent import Agent, AgentSettings
from gatewayd.fleet.box.hooks import Hooks
from gatewayd.fleet.box.journal import Journal
from gatewayd.fleet.box.lease import Lease
from gatewayd.fleet.box.link import Connect, Link
from gatewayd.fleet.box.own_sims import OwnSims
from gatewayd.fleet.box.permit import FleetPermit
from gatewayd.fleet.box.sink import ReportSink
from gatewayd.fleet.box.source import SharedSource
from gatewayd.fleet.box.status import AgentStatus
from gatewayd.fleet.listener import Listener
from gatewayd.fleet.postgres.connection import connect
from gatewayd.fleet.postgres.settings import ConnectionSettings
from gatewayd.fleet.queue.keeping import TextTaken
from gatewayd.fleet.queue.names import Box, Seen
from gatewayd.sending.acceptance import StartedHere
from gatewayd.sending.interfaces import Outside
from gatewayd.sims.port_registry import PortRegistry
from gatewayd.store import Transaction
from gatewayd.store.store import Store
from gatewayd.store.tables.outcomes import counts
from gatewayd.timekeeping.clock import Calendar, Clock

log = logging.getLogger(__name__)

_LISTENER_STOP_S: Final = 0.2


class Sending(Protocol):
    """The part of sending that the fleet needs (see `gatewayd.sending.dispatcher.Dispatcher`)."""

    def offer(self, queued: dict[int, int], *, shared: bool) -> None:
        """Wake the ports for messages that were queued."""

    def wake_idle(self) -> None:
        """Wake every idle port."""


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """The fleet as this box sees it, for people and health checks."""

    name: str
    agent: AgentStatus
    lease_s: float  # until the lease of this box is over
    is_open: bool  # this box may hand messages to modems
    untold: int  # outcomes that PostgreSQL has not kept yet
    set_aside: int  # outcomes that it could not take: a person must look at them

    @property
    def away_s(self) -> float:
        """Seconds since PostgreSQL was last reached; 0 while it is there."""
        return 0.0 if self.agent.away_since is None else monotonic() - self.agent.away_since


class Fleet:
    """The fleet of this box. Any thread may call any method after `attach`."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Clock,
        *,
        make_connection: Connect = connect,
        refused: Callable[[Transaction], Text | None] = lambda _: None,
    ) -> None:
        """`store`: of this box, made with `install_outcomes`. `refused`: why the box may not act for the fleet, asked at each join."""
        fleet, dispatch = settings.fleet, settings.dispatch
        self._connection = ConnectionSettings(
            fleet.dsn, fleet.name, password_file=fleet.password_file, sslrootcert=fleet.sslrootcert
        )
        self._local = store
        self._make_connection = make_connection
        calendar = Calendar(settings.numbers.zone)
        self._lease = Lease()
        self.permit = FleetPermit(self._lease)
        self._own_sims = OwnSims(store, clock, calendar)
        self.source = SharedSource(self._own_sims, self.wake)
        self.sink = ReportSink(calendar)
        self._listener: Listener | None = None
        self._sending: Sending | None = None
        self._text_taken: TextTaken | None = None
        self._followers: list[Callable[[], None]] = []
        self._claimed: list[Callable[[Mapping[int, int]], None]] = []
        self._settled: list[Callable[[Sequence[str]], None]] = []
        self.agent = Agent(
            AgentSettings(fleet.name, fleet.prefetch_s, dispatch.submit_timeout_s, dispatch.max_attempts),
            Link(self._connection, make_connection),
            Journal(store),
            clock,
            calendar,
            self._own_sims,
            self._lease,
            self.permit,
            self.source,
            Hooks(
                queued=self._queued,
                wake_ports=self._wake_ports,
                joined=self._joined,
                claimed=self._tell_claimed,
                settled=self._tell_settled,
                refused=refused,
                text_taken=self._take_text,
            ),
        )

    @property
    def outside(self) -> Outside:
        """The fleet as sending uses it."""
        return Outside(self.source, self.permit, self.sink)

    def attach(
        self,
        sending: Sending,
        port_registry: PortRegistry,
        part_s: Callable[[], Mapping[int, float]],
        *,
        text_taken: TextTaken | None = None,
    ) -> None:
        """Name the rest of the gateway, before `start`."""
        self._sending = sending
        self._own_sims.attach(port_registry, part_s)
        port_registry.follow(self.agent.sims_changed)
        self._text_taken = text_taken

    def follow_notices(self, told: Callable[[], None]) -> None:
        """Call `told` whenever another box told that something concerns this one. It must return quickly, and not fail."""
        self._followers.append(told)

    def follow_claimed(self, told: Callable[[Mapping[int, int]], None]) -> None:
        """Call `told` with the number of messages, by SIM id, that this box claimed."""
        self._claimed.append(told)

    def follow_settled(self, told: Callable[[Sequence[str]], None]) -> None:
        """Call `told` with the sms_ids of messages whose status this box changed in the fleet."""
        self._settled.append(told)

    def start(self) -> None:
        """Start the agent, after the ports are named and before they are started. PostgreSQL may be away."""
        self._local.follow_outcomes(self.agent.wake)
        self.agent.start()

    def stop(self, timeout_s: float) -> None:
        """Stop the threads. The lease of this box ends by itself."""
        self.permit.close()
        self.agent.stop(timeout_s)
        if self._listener is not None:
            self._listener.stop(_LISTENER_STOP_S)

    def wake(self) -> None:
        """Something changed at this box that the agent may act on."""
        self.agent.wake()

    def probe(self, answered: Callable[[], None]) -> None:
        """Have the thread of the agent call `answered`, to check that it runs."""
        self.agent.probe(answered)

    def box_that_starts(self) -> Box | None:
        """This box, where it may accept messages as started now (see `acceptance.enqueue_started`); else None."""
        return self.agent.status.box if self.permit.is_open() else None

    def seen(self) -> Seen | None:
        """The row of this box as it last saw it, where that is known to be the newest one; else None."""
        status = self.agent.status
        if status.fleet is None or monotonic() > status.seen_at + status.fleet.lease_s:
            return None
        return status.seen

    def take_started(self, started: Sequence[StartedHere]) -> None:
        """Send messages that were accepted as started by this box. After the commit."""
        self.agent.take_started(started)

    def lost_answer(self) -> None:
        """The COMMIT of an acceptance as started was not answered."""
        self.agent.lost_answer()

    def status(self) -> FleetStatus:
        """The fleet as this box sees it. Raises StoreUnavailableError."""
        agent = self.agent.status
        with self._local.readers.lend() as db:
            untold, set_aside = counts(db, agent.acknowledged)
        name = self._connection.name
        return FleetStatus(name, agent, self._lease.left_s(), self.permit.is_open(), untold, set_aside)

    def _joined(self, box: Box) -> None:
        if self._listener is None:  # the number of a box never changes
            self._listener = Listener(
                lambda: self._make_connection(self._connection), f"box_{box.number}", self._noticed
            )
            self._listener.start()

    def _noticed(self) -> None:
        self.agent.notice()
        for told in self._followers:
            told()

    def _queued(self, queued: Mapping[int, int]) -> None:
        if self._sending is not None:
            self._sending.offer({sim_id: count for sim_id, count in queued.items() if count}, shared=False)

    def _wake_ports(self) -> None:
        if self._sending is not None:
            self._sending.wake_idle()

    def _take_text(self, db: Transaction, inbox_id: int, now: int) -> None:
        if self._text_taken is not None:
            self._text_taken(db, inbox_id, now)

    def _tell_claimed(self, by_sim: Mapping[int, int]) -> None:
        for told in self._claimed:
            told(by_sim)

    def _tell_settled(self, sms_ids: Sequence[str]) -> None:
        for told in self._settled:
            told(sms_ids)
