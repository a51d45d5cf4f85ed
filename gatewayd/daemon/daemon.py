"""The daemon: builds all parts, starts them in order and stops them in bounded time."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from api.app import URGENT
from api.server.server import Server
from api.site import Site
from config.settings import Address, PortSettings, Settings
from gatewayd.accounts.setup_token import SetupToken
from gatewayd.admin import commands
from gatewayd.admin.audit import COMMAND_LINE
from gatewayd.admin.context import Context
from gatewayd.daemon.control_socket import ControlServer
from gatewayd.daemon.descriptor_store import Descriptors
from gatewayd.daemon.service_manager import ServiceManager
from gatewayd.daemon.signals import stop_asked
from gatewayd.daemon.watchdog import Probe, Watchdog
from gatewayd.gateway import Gateway
from gatewayd.recent_log import RecentLog
from gatewayd.sending.interfaces import NOTHING_OUTSIDE
from gatewayd.sims import known_ports
from gatewayd.sims.chosen_numbers import with_choices
from gatewayd.sims.modem_search import ModemSearch
from gatewayd.sims.numbering import Numbering
from gatewayd.sims.port_set import PortSet
from gatewayd.store.store import Store
from gatewayd.store.tables.outcomes import install_outcomes
from gatewayd.timekeeping.clock import Calendar, Clock
from gatewayd.timekeeping.clock_correction import ClockCorrector, CountedClock
from gatewayd.timekeeping.ntp import synchronised
from gatewayd.webhooks.poster import Way
from modem.port.port import Port
from modem.port.status import PortState
from modem.timeouts import Timing

if TYPE_CHECKING:
    from gatewayd.fleet.fleet import Fleet
    from gatewayd.fleet.membership import Membership
    from gatewayd.fleet.setup.view import FleetView

log = logging.getLogger(__name__)

# Shares of the second that a stop may take beyond `daemon.stop_timeout_s`.
_HTTP_STOP_S = 0.3
_SIDE_STOP_S = 0.2
_STORE_STOP_S = 0.3
_FLEET_STOP_S = 0.5
_RESTART_S = 1.0  # until a restart begins, so that the person who asked for it has an answer
_STOP_S = 10.0  # the time that the service manager allows beyond `daemon.stop_timeout_s`


def _fleet(settings: Settings, store: Store, clock: Clock) -> Fleet | None:
    """The fleet of this box; None: the box is alone. Only a box of a fleet needs psycopg and libpq5."""
    if not settings.fleet.joined:
        return None
    from gatewayd.fleet.fleet import Fleet  # noqa: PLC0415 - psycopg is not installed on every box
    from gatewayd.fleet.setup.fitness import refused  # noqa: PLC0415 - likewise

    return Fleet(settings, store, clock, refused=lambda db: refused(db, store, settings))


def _membership(fleet: Fleet | None, settings: Settings, store: Store) -> Membership | None:
    """This box as the gateway sees it in its fleet; None: the box is alone."""
    if fleet is None:
        return None
    from gatewayd.fleet.membership import Membership  # noqa: PLC0415 - likewise

    return Membership(fleet, settings, store)


def _fleet_view(fleet: Fleet | None, settings: Settings) -> FleetView | None:
    """The fleet as people see it; None: the box is alone."""
    if fleet is None:
        return None
    from gatewayd.fleet.setup.view import FleetView  # noqa: PLC0415 - psycopg is not installed on every box

    return FleetView(settings.fleet, fleet)


class DeadWorkerError(Exception):
    """A thread of the daemon ended unexpectedly; the log contains the reason."""


class Daemon:
    """One gateway on one store, with its HTTP server.

    `timing` replaces the usual timeouts of the ports, `webhook_way` the usual way to the receivers of webhooks. `config`: the file
    of the settings, and `recent_log`: the newest lines of the log; the dashboard shows both.
    """

    def __init__(
        self,
        settings: Settings,
        timing: Timing | None = None,
        webhook_way: Way | None = None,
        *,
        config: Path | None = None,
        recent_log: RecentLog | None = None,
    ) -> None:
        may_choose_numbers, settings = settings.numbers.undecided, with_choices(settings)
        clock = CountedClock()
        self._settings = settings
        self._manager = ServiceManager(os.environ)
        self._descriptors = Descriptors(self._manager)
        self._store = Store(
            settings.store.path,
            backups=settings.store.backup_dir if settings.store.restore else None,
            resend=settings.store.restored == "send",
            prepare=install_outcomes if settings.fleet.joined else None,
        )
        self.fleet = _fleet(settings, self._store, clock)
        outside = NOTHING_OUTSIDE if self.fleet is None else self.fleet.outside
        self._membership = _membership(self.fleet, settings, self._store)
        self.gateway = Gateway(settings, self._store, clock, webhook_way, outside, self._membership)
        if self.fleet is not None:
            self.fleet.attach(
                self.gateway.dispatcher,
                self.gateway.port_registry,
                self.gateway.submission_s,
                text_taken=self.gateway.text_taken,
            )
        self._timekeeper = ClockCorrector(
            clock,
            settings.clock.trust,
            synchronised,
            self.gateway.port_registry.ports,
            lambda: len(self._ports),
        )
        self._timing = timing
        self._ports = PortSet(
            self.gateway.dispatcher,
            self._make_port,
            self.gateway.timers.after,
            settings.dispatch.submit_via,
        )
        self.admin = Context(
            self._store,
            clock,
            Calendar(settings.numbers.zone),
            Numbering(settings.numbers),
            self.gateway,
            settings.ports,
            self._ports,
            ModemSearch(settings.daemon.search_devices),
            setup_token=SetupToken() if settings.dashboard.enabled else None,
            may_choose_numbers=may_choose_numbers,
            restart=self._restart,
            config=config,
            recent_log=recent_log,
            fleet=_fleet_view(self.fleet, settings),
        )
        site = Site(self.gateway, self.admin, settings)
        self._server = Server(site, settings.api, admit=site.admit, urgent=URGENT)
        self._control = ControlServer(
            settings.store.path,
            lambda command, arguments: commands.run_as(self.admin, COMMAND_LINE, command, arguments),
        )
        self._queue_text = ""  # the length of the queue, when the writer last reported it
        self._watchdog = Watchdog(
            self._manager,
            self._probes,
            self._status_text,
        )

    def start(self) -> str:
        """Open the store, bind the addresses and start everything; return the URL of the API.

        Raises:
            StoreLockedError, StoreVersionError, StoreUnavailableError: see `Store.open`.
            ListenError: an address cannot be bound.
        """
        self._store.open()
        try:
            host, port = self._server.bind()
            self._make_ports()
            self._timekeeper.begin(self._store, self.gateway)
            self.gateway.start(self._ports)
            if self.fleet is not None:
                self.fleet.start()
            self._timekeeper.start(self._store, self.gateway.timers, self.gateway)
            self._descriptors.drop_others(self._ports)
            self._ports.start()
            self._control.start()  # after the ports, which its commands change
            self._server.start()
        except BaseException:
            self.stop()
            raise
        url = f"http://{Address(host, port)}/api"
        others = [f"http://{address}/api" for address in self._server.addresses if address != (host, port)]
        log.info("listening on %s, %d ports", url, len(self._ports))
        if others:
            log.info("listening also on %s", ", ".join(others))
        if (needed := self._settings.api.body_bytes_for_bulk) > self._settings.api.max_body_bytes:
            log.warning(
                "api.max_body_bytes is too small for %d of the longest messages, in which clients may escape each character:"
                " set it to %d, or reduce api.bulk_max",
                self._settings.api.bulk_max,
                needed,
            )
        self._manager.notify("READY=1", f"STATUS={self._status_text()}")
        return url

    def watch(self) -> None:
        """Wait for SIGTERM or SIGINT, which must be blocked in every thread (see `signals.stop_signals_held`).

        Raises DeadWorkerError if a thread ended unexpectedly.
        """
        while True:
            self._watchdog.look()
            if stop_asked(self._watchdog.every_s):
                return
            if not self._server.running or not self._store.running:
                raise DeadWorkerError("a thread of the daemon ended unexpectedly")

    def stop(self) -> None:
        """Stop within `daemon.stop_timeout_s` plus a second. Parts still being submitted then are in doubt at the next start."""
        timeout_s = self._settings.daemon.stop_timeout_s
        self._manager.notify("STOPPING=1", f"EXTEND_TIMEOUT_USEC={round((timeout_s + _STOP_S) * 1e6)}")
        deadline = time.monotonic() + timeout_s
        self._ports.stop()
        self._server.refuse()
        self.gateway.stop(_SIDE_STOP_S)
        self._server.stop(_HTTP_STOP_S)
        self._control.stop(_SIDE_STOP_S)
        submitting = self._ports.join(deadline)
        if submitting:
            log.warning("parts were still being submitted on ports %s: they are in doubt", submitting)
        if self.fleet is not None:  # after the ports, so that it tells what became of their last parts
            self.fleet.stop(_FLEET_STOP_S)
        if self._membership is not None:
            self._membership.close()
        # Writes that a failing disk does not finish in time end with the process.
        self._store.close(max(0.0, deadline - time.monotonic()) + _STORE_STOP_S)
        log.info("stopped")

    def _make_ports(self) -> None:
        """Make the ports of the configuration file and of the database. Raises StoreUnavailableError."""
        with self._store.readers.lend() as db:
            found = known_ports.in_use(db, self._settings.ports)
        for port in found:
            self._ports.make(port.settings, paused=port.paused_since is not None)

    def _make_port(self, settings: PortSettings, paused: bool) -> Port:
        dispatch = self._settings.dispatch
        return Port(
            settings,
            self.gateway.dispatcher,
            submit_timeout_s=dispatch.submit_timeout_s,
            transcript_lines=self._settings.daemon.transcript_lines,
            timing=self._timing,
            line_store=self._descriptors,
            paused=paused,
        )

    def _probes(self) -> dict[str, Probe]:
        return {
            "the writer": self._ask_writer,
            "the HTTP server": self._server.probe,
            "the timers": self.gateway.probe,
            "the webhooks": self.gateway.probe_webhooks,
            **({} if self.fleet is None else {"the fleet": self.fleet.probe}),
            **self._ports.probes(),
        }

    def _restart(self) -> bool:
        """Stop in a second, if a service manager then starts the daemon anew (`Restart=always` in the unit)."""
        if self._manager.listens:
            self.gateway.timers.after(_RESTART_S, lambda: os.kill(os.getpid(), signal.SIGTERM))
        return self._manager.listens

    def _ask_writer(self, answered: Callable[[], None]) -> None:
        def note(waiting: int | None) -> None:
            self._queue_text = (
                "; the database does not work" if waiting is None else f"; {waiting} parts wait"
            )
            answered()

        self._store.probe(note)

    def _status_text(self) -> str:
        """One line about ports and queue for `systemctl status`."""
        ports = self.gateway.port_registry.ports().values()
        work = sum(port.state is PortState.UP and port.active.registration.carries_sms for port in ports)
        paused = sum(port.state is PortState.PAUSED for port in ports)
        text = f"{work} of {len(self._ports) - paused} ports work"
        return f"{text}{f', {paused} are paused' if paused else ''}{self._queue_text}"
