"""Whether the box is well: a few checks that are cheap enough for anybody to ask for, and tell no secrets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gatewayd.operations.commit_probe import CommitProbe
from gatewayd.operations.metrics_snapshot import Meter, free_bytes
from gatewayd.sims.port_registry import PortRegistry
from gatewayd.store.engine.disk import LITTLE_BYTES, TOO_LITTLE_BYTES, State
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.store import Store
from gatewayd.timekeeping.clock import Clock
from modem.port.conditions import REMEDIES, Condition
from modem.port.status import PortState

# A SIM sends a part in some seconds: what waits longer than this waits for more than its turn, or the queue is long.
_LATE_S = 600.0


_NO_COMMIT = "The database takes no commit now: another program locks it or has removed it, the disk hangs, or it is read-only"


class Verdict(Enum):
    """What a check says."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"  # messages go out, but a person should look
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, and a sentence for a person."""

    name: str
    verdict: Verdict
    detail: str


class Health:
    """Makes the checks."""

    def __init__(
        self, store: Store, clock: Clock, port_registry: PortRegistry, meter: Meter, pulse: CommitProbe
    ) -> None:
        self._store = store
        self._clock = clock
        self._port_registry = port_registry
        self._meter = meter
        self._commit_probe = pulse

    def checks(self) -> list[Check]:
        """All of them, in a fixed order."""
        return [
            *self._store_and_queue(),
            self._disk(),
            self._ports(),
            self._sims(),
            self._time(),
        ]

    def _store_and_queue(self) -> list[Check]:
        if not self._commit_probe.beats():  # then a reader may wait for long, too
            return [
                Check("store", Verdict.FAIL, self._store.condition.detail or _NO_COMMIT),
                Check("queue", Verdict.FAIL, "What waits is not known"),
            ]
        try:
            oldest_s = self._meter.oldest_s()
        except StoreUnavailableError:
            return [
                Check("store", Verdict.FAIL, "The database cannot be read"),
                Check("queue", Verdict.FAIL, "What waits is not known"),
            ]
        queue = Check("queue", Verdict.PASS, "Nothing has waited for long")
        if oldest_s > _LATE_S:
            queue = Check("queue", Verdict.WARN, f"A message has waited for {oldest_s / 60:.0f} minutes")
        if not self._store.running:
            return [Check("store", Verdict.FAIL, "The database cannot be written"), queue]
        if self._store.condition.state is not State.OK:
            return [Check("store", Verdict.FAIL, self._store.condition.detail), queue]
        return [Check("store", Verdict.PASS, "The database answers"), queue]

    def _disk(self) -> Check:
        free = free_bytes(self._store.path.parent)
        told = f"{free >> 20} MiB are free"
        if free < TOO_LITTLE_BYTES:
            return Check("disk", Verdict.FAIL, told)
        return Check("disk", Verdict.WARN if free < LITTLE_BYTES else Verdict.PASS, told)

    def _ports(self) -> Check:
        """Whether ports are up, and what their modems need an operator for: a sentence for each kind of trouble."""
        ports = sorted(self._port_registry.ports().values(), key=lambda port: port.port)
        up = sum(port.state is PortState.UP for port in ports)
        check = _some("ports", up, len(ports), f"{up} of {len(ports)} ports are up")
        told = []
        for condition in Condition:
            numbers = [str(port.port) for port in ports if condition in port.conditions]
            if numbers:
                told.append(f"Port{'s' * (len(numbers) > 1)} {', '.join(numbers)}: {REMEDIES[condition]}")
        if not told:
            return check
        verdict = Verdict.WARN if check.verdict is Verdict.PASS else check.verdict
        return Check("ports", verdict, " ".join((f"{check.detail}.", *told)).removesuffix("."))

    def _sims(self) -> Check:
        known = [sim for sim in self._port_registry.sims().values() if sim.there]
        ready = sum(sim.registered for sim in known)
        return _some("sims", ready, len(known), f"{ready} of {len(known)} SIMs are registered")

    def _time(self) -> Check:
        standing = self._clock.standing()
        return Check("clock", Verdict.PASS if standing.trusted else Verdict.WARN, standing.detail)


def _some(name: str, good: int, total: int, detail: str) -> Check:
    if not good:
        return Check(name, Verdict.FAIL, detail)
    return Check(name, Verdict.PASS if good == total else Verdict.WARN, detail)
