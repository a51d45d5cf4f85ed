"""The health checks of the box. They are cheap, and their results contain no secrets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from gatewayd.operations.commit_probe import CommitProbe
from gatewayd.operations.metrics_snapshot import MetricsCollector, free_bytes
from gatewayd.sims.port_registry import PortRegistry
from gatewayd.store.engine.disk import LITTLE_BYTES, TOO_LITTLE_BYTES, State
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.store import Store
from gatewayd.store.tables import balances
from gatewayd.timekeeping.clock import Clock
from modem.port.conditions import REMEDIES, Condition
from modem.port.status import PortState

# A SIM sends a part in a few seconds: a message that waits longer than this is blocked, or the queue is long.
_LATE_S = 600.0


_NO_COMMIT = "The database cannot commit now: another program locks it or has removed it, the disk hangs, or it is read-only"
_NO_QUEUE = "The state of the queue is unknown"


class HealthState(Enum):
    """The result of a check."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"  # messages are sent, but a person should look
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its name, its result, and a sentence for a person."""

    name: str
    state: HealthState
    detail: str


class Health:
    """Runs the checks. Any thread may ask."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        port_registry: PortRegistry,
        metrics: MetricsCollector,
        pulse: CommitProbe,
        fleet: Callable[[], str | None] | None = None,
    ) -> None:
        """`fleet`: what is wrong with the queue that boxes share, or None; without it the box is alone."""
        self._store = store
        self._clock = clock
        self._port_registry = port_registry
        self._metrics = metrics
        self._commit_probe = pulse
        self._fleet = fleet

    def checks(self) -> list[Check]:
        """All checks, in a fixed order."""
        return [
            *self._store_and_queue(),
            self._disk(),
            self._ports(),
            self._sims(),
            self._balances(),
            self._time(),
            *self._shared_queue(),
        ]

    def _store_and_queue(self) -> list[Check]:
        if not self._commit_probe.commits():  # then a reader may wait long too
            return [
                Check("store", HealthState.FAIL, self._store.condition.detail or _NO_COMMIT),
                Check("queue", HealthState.FAIL, _NO_QUEUE),
            ]
        try:
            oldest_s = self._metrics.oldest_s()
        except StoreUnavailableError:
            return [
                Check("store", HealthState.FAIL, "The database cannot be read"),
                Check("queue", HealthState.FAIL, _NO_QUEUE),
            ]
        queue = Check("queue", HealthState.PASS, "Nothing has waited for long")
        if oldest_s > _LATE_S:
            queue = Check("queue", HealthState.WARN, f"A message has waited for {oldest_s / 60:.0f} minutes")
        if not self._store.running:
            return [Check("store", HealthState.FAIL, "The database cannot be written"), queue]
        if self._store.condition.state is not State.OK:
            return [Check("store", HealthState.FAIL, self._store.condition.detail), queue]
        return [Check("store", HealthState.PASS, "The database answers"), queue]

    def _disk(self) -> Check:
        free = free_bytes(self._store.path.parent)
        detail = f"{free >> 20} MiB are free"
        if free < TOO_LITTLE_BYTES:
            return Check("disk", HealthState.FAIL, detail)
        return Check("disk", HealthState.WARN if free < LITTLE_BYTES else HealthState.PASS, detail)

    def _ports(self) -> Check:
        """The state of the ports, with one sentence for each condition that needs an operator."""
        ports = sorted(self._port_registry.ports().values(), key=lambda port: port.port)
        paused = [port.port for port in ports if port.state is PortState.PAUSED]
        working = len(ports) - len(paused)
        up = sum(port.state is PortState.UP for port in ports)
        detail = f"{up} of {working} ports are up"
        if paused:
            detail += f"; paused: {', '.join(map(str, paused))}"
        check = _some("ports", up, working, detail)
        if paused and not working:
            check = Check("ports", HealthState.WARN, f"All ports are paused: {', '.join(map(str, paused))}")
        remedies = []
        for condition in Condition:
            numbers = [str(port.port) for port in ports if condition in port.conditions]
            if numbers:
                remedies.append(f"Port{'s' * (len(numbers) > 1)} {', '.join(numbers)}: {REMEDIES[condition]}")
        if not remedies:
            return check
        verdict = HealthState.WARN if check.state is HealthState.PASS else check.state
        return Check("ports", verdict, " ".join((f"{check.detail}.", *remedies)).removesuffix("."))

    def _sims(self) -> Check:
        known = [sim for sim in self._port_registry.sims().values() if sim.there]
        ready = sum(sim.registered for sim in known)
        check = _some("sims", ready, len(known), f"{ready} of {len(known)} SIMs are registered")
        blocked = sorted(sim.sim_id for sim in known if self._port_registry.is_suspected(sim.sim_id))
        if not blocked:
            return check
        told = f"SIM {', '.join(map(str, blocked))} may be blocked by the operator: see `gatewayd check`"
        verdict = HealthState.WARN if check.state is HealthState.PASS else check.state
        return Check("sims", verdict, f"{check.detail}. {told}")

    def _balances(self) -> Check:
        """The SIMs whose balances cannot be read: the last one may be wrong by now."""
        if self._store.condition.state is not State.OK:
            return Check("balances", HealthState.WARN, "The balances are unknown")
        try:
            with self._store.readers.lend() as db:
                unreadable = balances.unreadable(db)
        except StoreUnavailableError:
            return Check("balances", HealthState.WARN, "The balances are unknown")
        if not unreadable:
            return Check("balances", HealthState.PASS, "Every answer about a balance could be read")
        return Check(
            "balances",
            HealthState.WARN,
            f"The answer about the balance of SIM {', '.join(map(str, unreadable))} cannot be read:"
            " `gatewayd ussd learn PORT CODE` proposes a pattern",
        )

    def _shared_queue(self) -> list[Check]:
        if self._fleet is None:
            return []
        trouble = self._fleet()
        if trouble is None:
            return [Check("fleet", HealthState.PASS, "PostgreSQL answers")]
        return [Check("fleet", HealthState.FAIL, trouble)]

    def _time(self) -> Check:
        standing = self._clock.status()
        return Check("clock", HealthState.PASS if standing.trusted else HealthState.WARN, standing.detail)


def _some(name: str, good: int, total: int, detail: str) -> Check:
    if not good:
        return Check(name, HealthState.FAIL, detail)
    return Check(name, HealthState.PASS if good == total else HealthState.WARN, detail)
