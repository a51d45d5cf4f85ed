"""Counts the time on a box whose system clock starts in the past and jumps, and corrects the count.

Time is counted on the monotonic clock from a start value, which NTP or else the mobile network corrects. So a step of the
system clock alone changes nothing, and a trusted time stays trusted while the process runs. Until there is a source, the
count goes on from the newest trusted time. It is never ahead of the true time, so no day, month or age ends too early.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

from config.language.text import Text
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.store import Store
from gatewayd.store.tables import clock as kept
from gatewayd.store.tables import messages, parts
from gatewayd.store.tables.clock import ClockState
from gatewayd.timekeeping import network_time
from gatewayd.timekeeping.clock import DAY, SECOND, SLACK, Calendar, Clock, ClockStatus, Moment, iso
from gatewayd.timekeeping.timers import Timers
from modem.port.status import PortStatus

log = logging.getLogger(__name__)

Trust = Literal["auto", "network", "always"]
Source = Literal["ntp", "network", "system"]


class StampCorrection(Protocol):
    """The actions of the gateway when its clock is corrected."""

    def restamp(self, db: Transaction, since: int, jump: int) -> None:
        """See `Gateway.restamp`."""

    def clock_trusted(self) -> None:
        """See `Gateway.clock_trusted`."""


# A box may be without power for this long; the time difference afterwards is not a jump.
_OFF: Final = 30 * DAY

# The count is stored this often, for the next start. Each time is a write to the SD card.
_KEEP_EVERY: Final = 600 * SECOND

# The network's time and the system clock agree where they differ by less than this.
_SAME: Final = 2 * SECOND

_LOOK_S: Final = 1.0
_WARN_S: Final = 300.0  # modems take a minute to find their network

_HOW: Final[dict[str | None, str]] = {
    "ntp": Text("The time is that of NTP."),
    "network": Text("The time is that of the mobile network."),
    "system": Text("The system clock is trusted, as clock.trust says."),
    None: Text(
        'No NTP, and no time from the mobile network. Until there is one, no message expires, and days and months go by only while the gateway runs. Connect the box to the Internet with NTP on (timedatectl set-ntp true); where its clock is kept right otherwise, set clock.trust = "always".'
    ),
}


@dataclass(frozen=True, slots=True)
class Count:
    """Time counted on from `at` (microseconds since the epoch) on the monotonic clock."""

    at: int
    monotonic: float
    source: Source | None  # the trusted source; None: the time is not trusted
    unbroken_since: int

    def now(self, monotonic: float) -> int:
        """The time at a moment of the monotonic clock."""
        return self.at + round((monotonic - self.monotonic) * SECOND)


class CountedClock(Clock):
    """The clock of a box. Any thread may read it; only `ClockCorrector` corrects it."""

    def __init__(self) -> None:
        now = self.system()
        self.count = Count(now, self.monotonic(), None, now)  # replaced as a whole, never changed

    def system(self) -> int:
        """The time of the system clock, right or wrong."""
        return super().now()

    def now(self) -> int:
        """See `Clock.now`."""
        return self.count.now(self.monotonic())

    def latest(self) -> int:
        """See `Clock.latest`: while the time is not trusted, the system clock may be right."""
        count = self.count
        now = count.now(self.monotonic())
        return now if count.source is not None else max(now, self.system())

    def moment(self, calendar: Calendar) -> Moment:
        """See `Clock.moment`."""
        count = self.count
        now = count.now(self.monotonic())
        return Moment(
            now,
            calendar.day(now),
            count.source is not None,
            max(0, now - count.unbroken_since),
            calendar.hour(now),
        )

    def status(self) -> ClockStatus:
        """See `Clock.status`."""
        source = self.count.source
        return ClockStatus(source is not None, source, _HOW[source])


@dataclass(frozen=True, slots=True)
class _Known:
    """The state that changes with a correction: computed within a transaction, applied after its commit."""

    count: Count
    kept: ClockState | None  # the row in the store
    untrusted_since: int | None
    trusted_now: bool = False  # the time was not trusted before
    jump: int = 0  # microseconds, of a time that was trusted before


class ClockCorrector:
    """Corrects a clock and stores its count. `look` runs on the timers' thread."""

    def __init__(
        self,
        clock: CountedClock,
        trust: Trust,
        synchronised: Callable[[], bool],
        port_statuses: Callable[[], Mapping[int, PortStatus]],
        ports: Callable[[], int],
    ) -> None:
        """`ports`: the number of ports now."""
        self._clock = clock
        self._trust = trust
        self._synchronised = synchronised
        self._port_statuses = port_statuses
        self._ports = ports
        self._began = clock.monotonic()
        self._kept: ClockState | None = None
        self._untrusted_since: int | None = None
        self._warned = False

    def begin(self, store: Store, stamping: StampCorrection | None) -> None:
        """At the start, before the first use of the time: continue the stored count.

        `stamping` None: the time is only read, and nothing is stored. Raises StoreUnavailableError.
        """
        self._tell(store.write(lambda db: self._begun(db, stamping), then=self._adopt), stamping)

    def _begun(self, db: Transaction, stamping: StampCorrection | None) -> _Known:
        clock, kept_last = self._clock, kept.load(db)
        system, monotonic = clock.system(), clock.monotonic()
        if kept_last is None:
            now = since = system
        else:
            now = _beyond_all_stamps(db, kept_last.counted_at)
            # A box that never had a trusted time uses its system clock, unless that is impossible.
            if kept_last.trusted_at is None and system >= network_time.EARLIEST:
                now = system
            since = kept_last.unbroken_since if kept_last.counted_at <= now + SLACK else now
            since = since if now - kept_last.counted_at <= _OFF else now
        untrusted_since = now
        if kept_last is not None and kept_last.untrusted_since is not None:
            untrusted_since = kept_last.untrusted_since
        known = _Known(Count(now, monotonic, None, since), kept_last, untrusted_since)
        source = self._source()
        if source is not None:
            found = _corrected(known.count, clock.system(), monotonic, source)
            return replace(known, count=found) if stamping is None else _trusted(db, known, found, stamping)
        if stamping is not None and (kept_last is None or kept_last.untrusted_since is None):
            return _kept(db, known, now)
        return known

    def start(self, store: Store, timers: Timers, stamping: StampCorrection) -> None:
        """Look for a better time every second from now on."""

        def again() -> None:
            try:
                self.look(store, stamping)
            except StoreUnavailableError as error:
                log.debug("the time could not be stored: %s", error)
            finally:
                timers.after(_LOOK_S, again)

        timers.after(0.0, again)

    def look(self, store: Store, stamping: StampCorrection) -> None:
        """Correct the clock where NTP or the network has a better time. Raises StoreUnavailableError; then nothing changed."""
        found = self._found()
        before = self._clock.count
        if found is None:
            self._warn()
        elif found.source is not None and (
            before.source is None or found.unbroken_since != before.unbroken_since
        ):
            # No other transaction sees the new time with the old stamps, nor the old time with the new ones: the stamps
            # are moved within this one, and the clock is set before the next begins.
            known = self._known()
            self._tell(
                store.write(lambda db: _trusted(db, known, found, stamping), then=self._adopt), stamping
            )
        else:
            self._clock.count = found
        if self._stale():
            known, now = self._known(), self._clock.now()
            store.write(lambda db: _kept(db, known, now), then=self._adopt)

    def _known(self) -> _Known:
        return _Known(self._clock.count, self._kept, self._untrusted_since)

    def _adopt(self, known: _Known) -> None:
        self._clock.count = known.count
        self._kept, self._untrusted_since = known.kept, known.untrusted_since

    def _tell(self, known: _Known, stamping: StampCorrection | None) -> None:
        if stamping is None:
            return
        count = known.count
        if known.trusted_now:
            log.info("the time is trusted now: %s It is %s", _HOW[count.source], iso(count.at))
            stamping.clock_trusted()
        elif known.jump:
            log.warning("the clock jumped by %+.0f s: it is %s now", known.jump / SECOND, iso(count.at))

    def _found(self) -> Count | None:
        """The corrected count; None: no correction."""
        source = self._source()
        count, monotonic = self._clock.count, self._clock.monotonic()
        if source is not None:
            return _corrected(count, self._clock.system(), monotonic, source)
        network_times = [
            at + round((monotonic - read_at) * SECOND)
            for at, read_at in (
                port.network_time for port in self._port_statuses().values() if port.network_time
            )
        ]
        alone = self._ports() == 1 or monotonic - self._began >= network_time.ALONE_AFTER_S
        heard = network_time.agreed(
            network_times,
            newest=count.now(monotonic) if count.source is not None else self._newest(),
            alone=alone and count.source in (None, "network"),
        )
        if heard is None or (count.source is not None and abs(heard - count.now(monotonic)) <= SLACK):
            return None
        system = self._clock.system()
        # Modems give whole seconds: where the system clock agrees, its fraction is right too.
        return _corrected(count, system if abs(heard - system) <= _SAME else heard, monotonic, "network")

    def _source(self) -> Source | None:
        if self._trust == "always":
            return "system"
        return "ntp" if self._trust == "auto" and self._synchronised() else None

    def _newest(self) -> int | None:
        return None if self._kept is None else self._kept.trusted_at

    def _stale(self) -> bool:
        return self._kept is None or abs(self._clock.now() - self._kept.counted_at) >= _KEEP_EVERY

    def _warn(self) -> None:
        clock = self._clock
        if not self._warned and clock.count.source is None and clock.monotonic() - self._began >= _WARN_S:
            self._warned = True
            log.warning("the time is not trusted: %s", _HOW[None])


def _corrected(before: Count, now: int, monotonic: float, source: Source) -> Count:
    ahead = now - before.now(monotonic)
    # An untrusted count lags by the time for which the box was off.
    jumps = not -SLACK <= ahead <= (_OFF if before.source is None else SLACK)
    return Count(now, monotonic, source, now if jumps else before.unbroken_since)


def _trusted(db: Transaction, before: _Known, found: Count, stamping: StampCorrection) -> _Known:
    """Correct the stamps made before the time was trusted, and store the new count; the new state."""
    jump = found.at - before.count.now(found.monotonic)
    first = before.count.source is None
    if first:
        since = before.untrusted_since if before.untrusted_since is not None else found.at
        stamping.restamp(db, since, jump)
    known = replace(before, count=found, untrusted_since=None, trusted_now=first, jump=0 if first else jump)
    return _kept(db, known, found.at)


def _kept(db: Transaction, known: _Known, now: int) -> _Known:
    """Store the count; the new state."""
    newest = None if known.kept is None else known.kept.trusted_at
    trusted_at = newest if known.count.source is None else now
    row = ClockState(trusted_at, now, known.count.unbroken_since, known.untrusted_since)
    kept.keep(db, row)
    return replace(known, kept=row)


def _beyond_all_stamps(db: Transaction, counted_at: int) -> int:
    """The time from which to count, so that later stamps are greater than all stamps before a crash."""
    stamps = [stamp for stamp in (messages.newest(db), parts.newest_start(db)) if stamp is not None]
    # Stamps further ahead come from a wrong time.
    return max([counted_at, *(stamp + 1 for stamp in stamps if stamp <= counted_at + 2 * _KEEP_EVERY)])
